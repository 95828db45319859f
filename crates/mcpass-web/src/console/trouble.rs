//! Pages for what went wrong: what happened, what to do, and an id to find it by in the log.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use http::{StatusCode, header};
use mcpass_authority::api::ApiError;
use mcpass_domain::redact;

use super::Console;
use super::asked::Asked;
use super::fault::Fault;
use super::frame::{Frame, Section};
use crate::body::Unread;

/// What both pages show: one in the frame, one for who has not signed in.
macro_rules! pages {
    ($($name:ident $path:literal;)*) => {$(
        #[derive(Template)]
        #[template(path = $path)]
        struct $name {
            frame: Frame,
            what: String,
            hint: Option<String>,
            id: String,
            back: String,
            back_word: &'static str,
        }
    )*};
}

pages! {
    Framed "trouble.html";
    Alone "trouble_alone.html";
}

/// The page of a fault. Logs it, once, here.
pub(crate) fn page(console: &Console, asked: &Asked, fault: &Fault) -> Response {
    let status = fault.status();
    let id = log(console, asked, fault, status);
    let (title, what, hint) = words(fault);
    let frame = asked.frame(Section::None, title);
    let html = if asked.viewer.is_some() {
        let (back, back_word) = around(&asked.path);
        let back = back.to_owned();
        Framed { frame, what, hint, id, back, back_word }.render()
    } else {
        let (back, back_word) = (format!("{}/sign-in", elsewhere(fault)), "To the sign-in page");
        Alone { frame, what, hint, id, back, back_word }.render()
    };
    match html {
        Ok(html) => {
            let mut response = (status, Html(html)).into_response();
            let wait = fault.retry_after().map(|wait| (header::RETRY_AFTER, wait));
            response.headers_mut().extend(wait);
            response
        }
        Err(error) => {
            tracing::error!(%error, "the page of an error cannot be made");
            status.into_response()
        }
    }
}

/// The list of what a page is about, and the way to it in words.
fn around(path: &str) -> (&'static str, &'static str) {
    let lists = [
        ("/audit", "To the audit log"),
        ("/groups", "To the groups"),
        ("/log", "To the access log"),
        ("/servers", "To the servers"),
        ("/users", "To the users"),
    ];
    // Who may not see a list is not sent there again.
    let is_in = |list: &str| path.strip_prefix(list).is_some_and(|rest| rest.starts_with('/'));
    let found = lists.into_iter().find(|(list, _)| is_in(list));
    found.unwrap_or(("/tokens", "To the tokens"))
}

/// Where the pages are, for a browser that is at a wrong place.
fn elsewhere(fault: &Fault) -> &str {
    match fault {
        Fault::ForeignHost(Some(at)) | Fault::NoCookie(at) => at,
        _ => "",
    }
}

/// An id that stands on the page and in mcpass's own log.
fn log(console: &Console, asked: &Asked, fault: &Fault, status: StatusCode) -> String {
    // Without randomness there is no id; the page is shown all the same.
    let id = console.random().map(|text| format!("err_{}", super::show::cut(&text, 12)));
    let id = id.unwrap_or_default().replace('…', "");
    let path = super::show::plain(&super::show::cut(&redact::mask(&asked.path), 200));
    if status.is_server_error() {
        tracing::error!(id, path, error = reason(fault), "a page could not be shown");
    } else {
        tracing::info!(id, path, %status, error = reason(fault), "a page was refused");
    }
    id
}

/// For whoever reads the log.
fn reason(fault: &Fault) -> String {
    match fault {
        Fault::Api(error) => format!("{}: {}", error.code, error.message),
        Fault::ForeignHost(_) => {
            "the Host header names a place that mcpass does not serve".to_owned()
        }
        Fault::Forged(why) => (*why).to_owned(),
        Fault::NoCookie(_) => "the browser sent no cookie with the form".to_owned(),
        Fault::NotFound => "there is no such page".to_owned(),
        Fault::Page(why) => why.clone(),
        Fault::SignIn(_) => "nobody has signed in".to_owned(),
        Fault::Unread(Unread::TooLarge) => "the form is too large".to_owned(),
        Fault::Unread(Unread::TooSlow(_)) => "the form took too long to arrive".to_owned(),
        Fault::Unread(Unread::BrokeOff) => "the form broke off".to_owned(),
        Fault::WrongMethod => "the page does not take this method".to_owned(),
    }
}

fn words(fault: &Fault) -> (&'static str, String, Option<String>) {
    let say = |title, what: &str, hint: &str| (title, what.to_owned(), Some(hint.to_owned()));
    match fault {
        Fault::Api(error) => {
            let hint = error.hint.as_deref().and_then(hint).or_else(|| usual_hint(error));
            (title(error, fault.status()), sentence(error), hint)
        }
        Fault::ForeignHost(at) => {
            let here = at.as_deref().map(|at| format!("Open {at} instead. "));
            let hint = format!(
                "{}If this name is right, whoever runs mcpass adds it to `network.allowed_hosts`.",
                here.unwrap_or_default()
            );
            say("Wrong address", "This server is not called by the name in the address.", &hint)
        }
        Fault::NoCookie(at) => {
            let hint =
                format!("Open {at} and sign in there: over plain http cookies are not kept.");
            say("Not done", "The browser did not send the cookie that belongs to this form.", &hint)
        }
        Fault::WrongMethod => say(
            "Not done",
            "The page at this address does not take such a request.",
            "Open it in a browser, or use the management API under /api/v1.",
        ),
        Fault::Forged(why) => {
            say("Not done", why, "Open the page again and send the form from there.")
        }
        Fault::NotFound => say(
            "Page not found",
            "There is no page at this address.",
            "It may have been moved or deleted. The search finds tokens, users, groups and servers.",
        ),
        Fault::Page(_) => say(
            "Something went wrong",
            "mcpass could not make this page.",
            "Try again. If it happens again, look for the id in mcpass's own log.",
        ),
        Fault::SignIn(_) => say("Sign in", "Sign in first.", "You come back here afterwards."),
        Fault::Unread(Unread::TooLarge) => {
            say("Too large", "The form holds more than 1 MB.", "Send less at a time.")
        }
        Fault::Unread(_) => {
            say("Not done", "The form did not arrive as a whole.", "Send it again.")
        }
    }
}

/// What to do where the authority says no more than what is missing.
fn usual_hint(error: &ApiError) -> Option<String> {
    (error.code == ApiError::FORBIDDEN).then(|| "Ask a superuser for it.".to_owned())
}

fn title(error: &ApiError, status: StatusCode) -> &'static str {
    match status {
        StatusCode::FORBIDDEN if error.code == "caller.not_active" => "Signed out",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS | StatusCode::UNPROCESSABLE_ENTITY => {
            "Not done"
        }
        StatusCode::SERVICE_UNAVAILABLE => "Not available",
        _ => "Something went wrong",
    }
}

/// An error's message as a sentence.
pub(crate) fn sentence(error: &ApiError) -> String {
    sentence_of(&error.message)
}

/// A hint as a page says it: without what there is to type into a shell, where a page has a button
/// for it. None if nothing else is said.
pub(crate) fn hint(text: &str) -> Option<String> {
    let mut rest = text;
    let mut said = String::new();
    // `… with `mcpass …`` says how; the rest says what.
    while let Some((before, command)) = rest.split_once(" with `mcpass ") {
        said.push_str(before);
        rest = command.split_once('`').map_or("", |(_, after)| after);
    }
    said.push_str(rest);
    let is_command = |clause: &&str| !clause.contains("`mcpass ");
    let clauses = said.split("; ").flat_map(|part| part.split(", "));
    let kept: Vec<_> = clauses.filter(is_command).collect();
    let all = said.split("; ").flat_map(|part| part.split(", ")).count();
    match kept.len() {
        0 => None,
        number if number == all => Some(sentence_of(&said)),
        _ => Some(sentence_of(&kept.join(", "))),
    }
}

/// Fields by the words that pages have for them.
const LABELS: [(&str, &str); 3] = [
    ("per_minute ", "calls a minute "),
    ("per_hour ", "calls an hour "),
    ("max_context ", "characters a result "),
];

/// A message of the authority or a hint, as a page says it.
pub(crate) fn sentence_of(text: &str) -> String {
    // It may repeat what was sent.
    let mut message = quoted(&super::show::plain(text));
    for (name, label) in LABELS {
        if message.starts_with(name) {
            message = message.replacen(name, label, 1);
        }
    }
    let mut chars = message.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let end = if message.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

/// What stands between backticks, between quotation marks: pages say in words what shells are told
/// in letters.
fn quoted(text: &str) -> String {
    let mut is_open = false;
    let mark = |letter: char| {
        if letter != '`' {
            return letter;
        }
        is_open = !is_open;
        if is_open { '\u{201c}' } else { '\u{201d}' }
    };
    text.chars().map(mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_leads_to_the_list_of_its_own_kind() {
        for (path, list) in [
            ("/servers/nope", "/servers"),
            ("/log/req_1", "/log"),
            ("/log", "/tokens"),
            ("/tokens/tok_1", "/tokens"),
            ("/usersx/bo", "/tokens"),
        ] {
            assert_eq!(around(path).0, list, "{path}");
        }
    }

    #[test]
    fn messages_are_in_the_words_of_pages() {
        for (text, said) in [
            ("per_minute cannot be 0", "Calls a minute cannot be 0."),
            ("there is a server `demo` already", "There is a server \u{201c}demo\u{201d} already."),
            ("`zzz` is not a permission", "\u{201c}zzz\u{201d} is not a permission."),
        ] {
            assert_eq!(sentence_of(text), said);
        }
    }

    #[test]
    fn a_hint_names_no_command_for_a_shell() {
        for (text, said) in [
            (
                "choose another name, or change that user with `mcpass user edit`",
                Some("Choose another name, or change that user."),
            ),
            ("`mcpass user list` shows the users, `mcpass user create` adds one", None),
            ("run `mcpass doctor`; the log has the details", Some("The log has the details.")),
            (
                "give it a later end with `mcpass token edit --expires`",
                Some("Give it a later end."),
            ),
            (
                "write server.name; a star stands for anything, as in a.*",
                Some("Write server.name; a star stands for anything, as in a.*."),
            ),
        ] {
            assert_eq!(hint(text).as_deref(), said, "{text}");
        }
    }
}
