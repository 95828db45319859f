//! Finding things from any page: tokens, users, groups, servers, requests.

use askama::Template;
use axum::extract::State;
use mcpass_authority::api::TokenList;
use mcpass_domain::{TokenSecret, redact};

use super::asked::Asked;
use super::fault::{Answer, Fault};
use super::fields::{Fields, segment};
use super::frame::{Frame, Section};
use super::show::{Badge, cut};
use super::{Console, go, page};

/// Of each kind that are shown.
const FEW: usize = 20;
/// Tokens that are looked at, to show the best of them first.
const LOOKED_AT: u32 = 200;

#[derive(Template)]
#[template(path = "search.html")]
struct Page {
    frame: Frame,
    text: String,
    tokens: Vec<(String, String, String, Badge)>,
    /// How many tokens there are, if not all are shown, and the list of them.
    all_tokens: Option<(String, String)>,
    places: Vec<Place>,
}

/// Something with a page.
#[derive(Debug)]
struct Place {
    kind: &'static str,
    name: String,
    path: String,
}

/// Takes the text from a form, so that a whole token, which somebody found somewhere and wants
/// to stop, never stands in an address: what is looked for is its hint.
pub(super) async fn take(asked: Asked) -> Answer {
    let typed = asked.form.text("q");
    let text = match TokenSecret::parse(typed) {
        Ok(secret) => secret.hint().as_str().to_owned(),
        Err(_) => redact::mask(typed).chars().take(200).collect(),
    };
    Ok(go(&Fields::from([("q", text.as_str())]).after("/search")))
}

pub(super) async fn show(State(console): State<Console>, asked: Asked) -> Answer {
    let text = asked.query.text("q").to_owned();
    if let Some(path) = by_id(&text) {
        return Ok(go(&path));
    }
    let mut frame = asked.frame(Section::None, "Search");
    frame.query.clone_from(&text);
    let (tokens, all_tokens) = tokens(&console, &asked, &text).await?;
    let places = places(&console, &asked, &text).await?;
    let template = Page { frame, text, tokens, all_tokens, places };
    match (&template.tokens[..], &template.places[..]) {
        ([(id, ..)], []) => Ok(go(&format!("/tokens/{id}"))),
        ([], [place]) => Ok(go(&place.path)),
        _ => page(&template),
    }
}

/// The page of a thing whose id was typed.
fn by_id(text: &str) -> Option<String> {
    let is_id = |prefix: &str| {
        text.strip_prefix(prefix)
            .is_some_and(|rest| rest.len() > 16 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
    };
    let places = [("tok_", "tokens"), ("usr_", "users"), ("grp_", "groups"), ("req_", "log")];
    let (_, place) = places.into_iter().find(|(prefix, _)| is_id(prefix))?;
    Some(format!("/{place}/{text}"))
}

/// The first tokens that a text fits: those of just that name before others, those that work or
/// may work again before revoked ones, newer ones before older ones.
async fn tokens(console: &Console, asked: &Asked, text: &str) -> Result<Tokens, Fault> {
    if text.is_empty() {
        return Ok((Vec::new(), None));
    }
    // People copy a hint with the dots behind it.
    let text = text.trim_end_matches(['…', '.']);
    let request =
        TokenList { text: Some(text.to_owned()), limit: Some(LOOKED_AT), ..TokenList::default() };
    let mut found = console.authority().token_list(asked.ctx()?, request).await?;
    let of_name = text.to_lowercase();
    found.items.sort_by_key(|token| {
        (token.facts.name.to_lowercase() != of_name, token.facts.state == "revoked")
    });
    let list = || Fields::from([("q", text)]).after("/tokens");
    let all = match (found.items.len(), &found.next) {
        (number, Some(_)) => Some((format!("More than {number}"), list())),
        (number, None) if number > FEW => Some((format!("All {number}"), list())),
        _ => None,
    };
    let shown = found.items.into_iter().take(FEW).map(|token| {
        let facts = token.facts;
        let state = Badge::token(&facts, console.now());
        (token.id.to_string(), cut(&facts.name, 120), facts.hint, state)
    });
    Ok((shown.collect(), all))
}

type Tokens = (Vec<(String, String, String, Badge)>, Option<(String, String)>);

async fn places(console: &Console, asked: &Asked, text: &str) -> Result<Vec<Place>, Fault> {
    let (viewer, ctx, authority) = (asked.viewer()?, asked.ctx()?, console.authority());
    let text = text.to_lowercase();
    let mut names: Vec<(&'static str, &'static str, String)> = Vec::new();
    if viewer.may("mcpass.view_user") {
        let users = authority.user_list(ctx).await?;
        names.extend(users.into_iter().map(|user| ("user", "users", user.name)));
    }
    if viewer.may("mcpass.view_group") {
        let groups = authority.group_list(ctx).await?;
        names.extend(groups.into_iter().map(|group| ("group", "groups", group.name)));
    }
    if viewer.may("mcpass.view_server") {
        let servers = authority.server_list(ctx).await?;
        names.extend(servers.into_iter().map(|server| ("server", "servers", server.name)));
    }
    let found = names
        .into_iter()
        .filter(|(.., name)| !text.is_empty() && name.to_lowercase().contains(&text))
        .take(FEW)
        .map(|(kind, place, name)| Place {
            path: format!("/{place}/{}", segment(&name)),
            kind,
            name,
        });
    Ok(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_to_its_page() {
        assert_eq!(
            by_id("tok_0355m5Y2aYQLdD4bViZ1hq").as_deref(),
            Some("/tokens/tok_0355m5Y2aYQLdD4bViZ1hq")
        );
        assert_eq!(by_id("tok_"), None);
        assert_eq!(by_id("tok_../../../../../../../x"), None);
        assert_eq!(by_id("ana"), None);
    }
}
