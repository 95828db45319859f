//! The one way into the console. Every page is behind it, so that none can forget what it does:
//! it finds out who has signed in, refuses forms that no page of ours sent, makes pages of
//! faults, and says to the browser what pages may do.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderValue, Method, header};

use super::asked::{Asked, Flash, Inner};
use super::cookie::Cookie;
use super::fault::Fault;
use super::fields::Fields;
use super::viewer::visitor;
use super::{Console, forgery, place, trouble};
use crate::body;
use crate::identity::comes_from_us;

/// What pages may do (CSP Level 3): nothing but show our own style, script and pictures, call
/// this host and send forms to it. Nothing inline, no frame around them.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
    base-uri 'none'";

/// Who may come in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Door {
    /// Everybody: signing in, setting up.
    Open,
    /// Nobody: there is no page at the address, and so no form is looked at.
    Nowhere,
    /// Whoever has signed in.
    SignedIn,
    /// Nobody: there is a page, but it is not asked for so. The router says in `Allow` how.
    WrongMethod,
}

/// Lets a request in, and sees its answer out.
pub(crate) async fn gate(
    State((console, door)): State<(Console, Door)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let is_get = is_get(&parts.method);
    if !console.hosts().are_ours(&parts.headers) {
        let asked = Asked::new(Inner::default());
        let fault = Fault::ForeignHost(console.authority().public_url().map(str::to_owned));
        return finish(&asked, trouble::page(&console, &asked, &fault));
    }
    let (asked, fresh) = match visit(&console, &parts).await {
        Ok(visit) => visit,
        Err(fault) => {
            let asked = Asked::new(Inner::default());
            return finish(&asked, trouble::page(&console, &asked, &fault));
        }
    };
    let is_new = fresh.is_some();
    let entered = enter(&console, (asked.clone(), door, is_new), &parts, body).await;
    let mut response = match entered {
        Err(fault) => fault.into_response(),
        Ok(asked) => {
            parts.extensions.insert(asked);
            next.run(Request::from_parts(parts, Body::empty())).await
        }
    };
    if let Some(fault) = response.extensions_mut().remove::<Fault>()
        && !matches!(fault, Fault::SignIn(_))
    {
        response = trouble::page(&console, &asked, &fault);
    }
    remember(&asked, &mut response, is_get, fresh.as_deref());
    finish(&asked, response)
}

/// What a request says of itself, and a new text to bind forms by if it has none.
async fn visit(console: &Console, parts: &Parts) -> Result<(Asked, Option<String>), Fault> {
    let headers = &parts.headers;
    let is_https = console.is_https(headers);
    let host = place::text(headers, header::HOST.as_str());
    // Behind https there is one place to name, whatever a proxy makes of it.
    let public = place::secure(console.authority().public_url()).filter(|_| is_https);
    let ip = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let visitor = visitor(headers, ip);
    let viewer = console.viewer(headers, &visitor).await?;
    // Forms of somebody who has signed in are bound to the session, all others to the browser.
    let (csrf, fresh) = match (&viewer, Cookie::Form.read(headers, is_https)) {
        (Some(viewer), _) => (viewer.session.csrf().to_owned(), None),
        (None, Some(bound_to)) => (forgery::token(bound_to), None),
        (None, None) => {
            let fresh = console.random()?;
            (forgery::token(&fresh), Some(fresh))
        }
    };
    let theme = Cookie::Theme.read(headers, is_https).unwrap_or_default();
    let asked = Asked::new(Inner {
        csrf,
        path: parts.uri.path().to_owned(),
        // Pages repeat what they were asked for, and links are made by anybody.
        query: Fields::parse(parts.uri.query().unwrap_or_default().as_bytes()).shown(),
        form: Fields::default(),
        is_https,
        is_loopback: place::is_loopback(host),
        host: public.unwrap_or(host).to_owned(),
        visitor,
        theme: if matches!(theme, "light" | "dark") { theme.to_owned() } else { String::new() },
        flash: Cookie::Flash.read(headers, is_https).and_then(Flash::unpack),
        step: Cookie::Step.read(headers, is_https).map(str::to_owned),
        viewer,
    });
    Ok((asked, fresh))
}

const fn is_get(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

async fn enter(
    console: &Console,
    (asked, door, is_new): (Asked, Door, bool),
    parts: &Parts,
    body: Body,
) -> Result<Asked, Fault> {
    let is_get = is_get(&parts.method);
    match door {
        Door::Nowhere => return Ok(asked),
        Door::WrongMethod => return Err(Fault::WrongMethod),
        Door::Open | Door::SignedIn => {}
    }
    if door == Door::SignedIn && asked.viewer.is_none() {
        let to = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        if is_get {
            return Err(Fault::SignIn(Fields::from([("next", to)]).after("/sign-in")));
        }
        let next = Fields::from([("next", form_of(parts.uri.path())), ("unsent", "yes")]);
        return Err(Fault::SignIn(next.only(&["next", "unsent"]).after("/sign-in")));
    }
    if is_get {
        return Ok(asked);
    }
    if !comes_from_us(&parts.method, &parts.headers) {
        return Err(Fault::Forged("the form was sent by a page of another site"));
    }
    let form = Fields::parse(&body::read(body, console.read_timeout()).await?);
    if is_new && let Some(public) = place::secure(console.authority().public_url()) {
        return Err(Fault::NoCookie(format!("https://{public}")));
    }
    if !forgery::is_bound(&asked.csrf, form.raw(forgery::FIELD)) {
        return Err(Fault::Forged("the form is of another session, or too old"));
    }
    let inner: &Inner = &asked;
    Ok(Asked::new(Inner { form, ..inner.clone() }))
}

/// The page with the form that is sent to this path: the same one, or the page of what the form is
/// about, where the path takes forms alone.
fn form_of(path: &str) -> &str {
    const ALONE: [&str; 12] = [
        "active", "bulk", "call", "enable", "link", "password", "search", "sessions", "sign-out",
        "switch", "test", "theme",
    ];
    let (parent, last) = path.rsplit_once('/').unwrap_or_default();
    match (parent, last) {
        ("", last) if ALONE.contains(&last) => "",
        ("/account/code", _) => "/account",
        (parent, last) if ALONE.contains(&last) && !parent.is_empty() => parent,
        _ => path,
    }
}

/// Sets and removes the small cookies.
fn remember(asked: &Asked, response: &mut Response, is_get: bool, fresh: Option<&str>) {
    let said = response.extensions_mut().remove::<Flash>();
    let is_page = is_page(response);
    let is_shown = asked.flash.is_some() && is_get && is_page;
    let headers = response.headers_mut();
    if let Some(flash) = said {
        let packed = flash.pack();
        headers.append(header::SET_COOKIE, Cookie::Flash.set(&packed, Some(60), asked.is_https));
    } else if is_shown {
        headers.append(header::SET_COOKIE, Cookie::Flash.remove(asked.is_https));
    }
    // What is no page has no form in it.
    if let Some(fresh) = fresh.filter(|_| is_page) {
        headers.append(header::SET_COOKIE, Cookie::Form.set(fresh, None, asked.is_https));
    }
}

fn is_page(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
}

/// The headers that every answer of the console has.
fn finish(asked: &Asked, mut response: Response) -> Response {
    // Over plain http to another machine browsers say nothing but `Origin` of where a form is from,
    // and that only if pages may say where they are.
    let is_plain = !asked.is_https && !asked.is_loopback && !asked.host.is_empty();
    let referrer = if is_plain { "same-origin" } else { "no-referrer" };
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", referrer),
        ("cross-origin-opener-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What was on a screen is not to come back from a cache after signing out.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sent_a_form_too_late_comes_back_to_it() {
        for (path, page) in [
            ("/tokens/new", "/tokens/new"),
            ("/tokens/tok_1/revoke", "/tokens/tok_1/revoke"),
            ("/tokens/tok_1", "/tokens/tok_1"),
            ("/tokens/tok_1/enable", "/tokens/tok_1"),
            ("/tokens/bulk", "/tokens"),
            ("/users/bo/active", "/users/bo"),
            ("/account/code/confirm", "/account"),
            ("/account/password", "/account"),
            ("/search", ""),
            ("/theme", ""),
        ] {
            assert_eq!(form_of(path), page, "{path}");
        }
    }
}
