//! The list of tokens: filters, search, selection.

use askama::Template;
use axum::extract::State;
use mcpass_authority::api::{
    ApiError, Page as Listed, TokenCount, TokenCountsView, TokenList, TokenView,
};
use mcpass_domain::Timestamp;

use crate::console::asked::Asked;
use crate::console::fault::{Answer, Fault};
use crate::console::fields::Fields;
use crate::console::form::{Choice, Form};
use crate::console::frame::{Frame, Section};
use crate::console::pager::{Pager, Part};
use crate::console::show::{Badge, When, count, cut};
use crate::console::users::Choosable;
use crate::console::{Console, page, refused};

const PATH: &str = "/tokens";
/// The names that a list's address may hold.
pub(super) const FILTERS: &[&str] =
    &["state", "user", "group", "may", "unused", "created", "expiring", "q", "sort", "cursor"];
/// What is listed if nobody says.
const USUAL_STATE: &str = "unrevoked";
/// Rows on a page.
const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "tokens/list.html")]
struct Page {
    frame: Frame,
    /// Whether the viewer holds anything that a token could be given.
    gives: bool,
    choices: Vec<Choice>,
    /// Whether there are more users than can be chosen from.
    types_user: bool,
    form: Form,
    is_filtered: bool,
    /// Whether the list cannot be made as it was asked for.
    is_wrong: bool,
    has_revoked: bool,
    rows: Vec<Row>,
    pager: Pager,
    /// Whether looking ended before the page was full.
    is_unfinished: bool,
    /// Numbers that lead to what they count.
    sum: Vec<(String, &'static str)>,
    heads: Vec<Head>,
    /// Groups that selected tokens can be added to.
    groups: Choosable,
    /// The filter as hidden fields, for what is done to all that fit.
    hidden: Vec<(String, String)>,
}

/// A column's head: where sorting by it leads, and which way it is sorted.
#[derive(Debug)]
struct Head {
    word: &'static str,
    class: &'static str,
    path: String,
    order: &'static str,
}

/// One token.
#[derive(Debug)]
struct Row {
    id: String,
    name: String,
    hint: String,
    user: String,
    state: Badge,
    is_revoked: bool,
    created: When,
    expires: Option<When>,
    used: Option<When>,
    used_ip: String,
    groups: String,
    requests: String,
}

/// Columns, and what they sort by.
const COLUMNS: [(&str, &str, &str); 9] = [
    ("Name", "", "name"),
    ("Token", "w-m hide-s", ""),
    ("User", "w-who hide-s", ""),
    ("State", "w-token-state", ""),
    ("Created", "w-ago hide-s hide-m", "created"),
    ("Expires", "w-ago hide-s", "expires"),
    ("Last used", "w-used hide-s", "last_used"),
    ("Today", "w-few num hide-s", ""),
    ("Groups", "w-who hide-s", ""),
];

pub(super) async fn show(State(console): State<Console>, asked: Asked) -> Answer {
    let ctx = asked.ctx()?;
    let query = asked.query.only(FILTERS);
    // Each of them looks through all tokens, so they are asked for at once.
    let (listed, counts, choices) = tokio::join!(
        console.authority().token_list(ctx, request(&query)),
        console.authority().token_counts(ctx, TokenCount::default()),
        choices(&console, &asked, &query),
    );
    let (tokens, wrong) = match listed {
        Ok(tokens) => (tokens, None),
        Err(error) if error.field.is_some() => {
            (Listed { items: Vec::new(), next: None }, Some(at_its_field(error)))
        }
        Err(error) => return Err(error.into()),
    };
    let counts = counts?;
    let (choices, users, groups) = choices?;
    let now = console.now();
    let template = Page {
        frame: asked.frame(Section::Tokens, "Tokens").at_top(),
        gives: asked.viewer()?.has_to_give,
        groups,
        choices,
        types_user: users == Choosable::Many,
        sum: sum(&counts),
        heads: heads(&query),
        hidden: hidden(&query),
        is_wrong: wrong.is_some(),
        has_revoked: counts.revoked > 0,
        form: match &wrong {
            Some(error) => Form::refused(query.clone(), error),
            None => Form::new(query.clone()),
        },
        is_filtered: !query.without(&["sort", "cursor"]).is_empty(),
        is_unfinished: tokens.next.is_some() && tokens.items.len() < ROWS as usize,
        pager: Pager::new(
            PATH,
            &query,
            part(&query, tokens.items.len(), &counts),
            tokens.next.as_deref(),
        ),
        rows: tokens.items.into_iter().map(|token| row(token, now)).collect(),
    };
    match wrong {
        Some(error) => refused(&template, &error),
        None => page(&template),
    }
}

/// The filter of the list, for what is done to all that fit it: just those.
fn hidden(query: &Fields) -> Vec<(String, String)> {
    let filter = query.without(&["cursor"]);
    let state = filter.some("state").or_else(|| usual_state(query)).unwrap_or_default();
    filter.with("state", &state).pairs().to_vec()
}

/// The newest tokens of the filter in these hidden fields.
pub(super) fn newest_of_hidden(form: &Fields, limit: u32) -> TokenList {
    let query = filter_of_hidden(form).without(&["sort"]);
    TokenList { requests: false, limit: Some(limit), ..request(&query) }
}

fn filter_of_hidden(form: &Fields) -> Fields {
    let field = |(name, text): &(String, String)| {
        let name = name.strip_prefix(HIDDEN)?.to_owned();
        Some((name, text.clone())).filter(|(_, text)| !text.is_empty())
    };
    let named = form.pairs().iter().filter_map(field);
    let query = named.fold(Fields::default(), |all, (name, text)| all.with(&name, &text));
    query.only(FILTERS)
}

/// The list that a form with these hidden fields came from.
pub(super) fn of_hidden(form: &Fields) -> String {
    let query = filter_of_hidden(form);
    let is_usual = query.some("state") == usual_state(&query);
    let query = if is_usual { query.without(&["state"]) } else { query };
    query.after(PATH)
}

/// What the names of a filter begin with, among the fields of a form about what it found.
const HIDDEN: &str = "filter_";

/// The page has words of its own for two of the fields.
fn at_its_field(error: ApiError) -> ApiError {
    let field = match error.field.as_deref() {
        Some("permission") => Some("may".to_owned()),
        Some("text") => Some("q".to_owned()),
        _ => error.field.clone(),
    };
    ApiError { field, ..error }
}

fn request(query: &Fields) -> TokenList {
    TokenList {
        user: query.some("user"),
        group: query.some("group"),
        state: query.some("state").or_else(|| usual_state(query)),
        unused: query.some("unused"),
        created: query.some("created"),
        expiring: query.some("expiring"),
        text: query.some("q"),
        // A list by permission goes through the tokens as they were created.
        permission: query.some("may"),
        sort: query.some("sort").filter(|_| !query.has("may")),
        requests: true,
        limit: Some(ROWS),
        cursor: query.some("cursor"),
    }
}

/// What is listed if nobody says: what was revoked is there when it is looked for. Of what is
/// unused or ends soon the authority lists active tokens.
fn usual_state(query: &Fields) -> Option<String> {
    let is_report = query.has("unused") || query.has("expiring");
    let is_search = query.has("q");
    (!is_report && !is_search).then(|| USUAL_STATE.to_owned())
}

/// How many a list has is known where it is by its state alone.
fn part(query: &Fields, shown: usize, counts: &TokenCountsView) -> Part {
    let is_by_state = query.without(&["sort", "cursor", "state"]).is_empty();
    let state = query.some("state").or_else(|| usual_state(query)).unwrap_or_default();
    let total = match state.as_str() {
        _ if !is_by_state => None,
        USUAL_STATE => Some(counts.total.saturating_sub(counts.revoked)),
        "all" => Some(counts.total),
        "active" => Some(counts.active),
        "disabled" => Some(counts.disabled),
        "expired" => Some(counts.expired),
        "revoked" => Some(counts.revoked),
        _ => None,
    };
    // By what tokens may call, looking ends before a page is full.
    Part { shown, each: (!query.has("may")).then_some(ROWS as usize), total }
}

fn sum(counts: &TokenCountsView) -> Vec<(String, &'static str)> {
    let line = |number: u64, word: &str, query| (format!("{} {word}", count(number)), query);
    vec![
        line(counts.active, "active", "/tokens?state=active"),
        line(counts.expiring, "expire within 7 days", "/tokens?expiring=7d"),
        line(counts.unused, "unused for 30 days", "/tokens?unused=30d"),
        line(counts.disabled, "disabled", "/tokens?state=disabled"),
        line(counts.expired, "expired", "/tokens?state=expired"),
        line(counts.revoked, "revoked", "/tokens?state=revoked"),
    ]
}

fn heads(query: &Fields) -> Vec<Head> {
    let sort = match query.text("sort") {
        "" => "-created",
        sort => sort,
    };
    let head = |(word, class, key): &(&'static str, &'static str, &'static str)| {
        let down = format!("-{key}");
        let order = match sort {
            _ if key.is_empty() => "none",
            sort if sort == *key => "ascending",
            sort if sort == down => "descending",
            _ => "none",
        };
        let next = if order == "ascending" { &down } else { *key };
        let path = match *key {
            "" => String::new(),
            _ => query.without(&["cursor"]).with("sort", next).after(PATH),
        };
        Head { word, class, path, order }
    };
    COLUMNS.iter().map(head).collect()
}

/// The states to choose from, that first which is listed if none is chosen.
fn states(query: &Fields) -> impl Iterator<Item = (&'static str, &'static str)> {
    const STATES: [(&str, &str); 6] = [
        (USUAL_STATE, "unrevoked"),
        ("all", "any state"),
        ("active", "active"),
        ("disabled", "disabled"),
        ("expired", "expired"),
        ("revoked", "revoked"),
    ];
    let usual = match usual_state(query) {
        Some(_) => USUAL_STATE,
        None if query.has("q") => "all",
        None => "active",
    };
    let (first, others): (Vec<_>, Vec<_>) =
        STATES.into_iter().partition(|(state, _)| *state == usual);
    first.into_iter().map(|(_, word)| ("", word)).chain(others)
}

async fn choices(
    console: &Console,
    asked: &Asked,
    query: &Fields,
) -> Result<(Vec<Choice>, Choosable, Choosable), Fault> {
    let mut choices = vec![Choice::new("state", "State", query, states(query))];
    let ctx = asked.ctx()?;
    let viewer = asked.viewer()?;
    let (mut users, mut groups) = (Choosable::Nobody, Choosable::Nobody);
    if viewer.may("mcpass.view_user") {
        let all = console.authority().user_list(ctx).await?;
        users = Choosable::of(all.into_iter().map(|user| user.name));
    }
    if let Choosable::Names(names) = &users {
        let users = names.iter().map(|name| (name.clone(), name.clone()));
        let any = std::iter::once((String::new(), "anybody".to_owned()));
        choices.push(Choice::new("user", "User", query, any.chain(users)));
    }
    if viewer.may("mcpass.view_group") {
        let all = console.authority().group_list(ctx).await?;
        groups = Choosable::of(all.into_iter().map(|group| group.name));
    } else if !viewer.groups.is_empty() {
        groups = Choosable::of(viewer.groups.iter().map(|group| group.name.clone()));
    }
    if let Choosable::Names(names) = &groups {
        let groups = names.iter().map(|name| (name.clone(), name.clone()));
        let any = std::iter::once((String::new(), "any group".to_owned()));
        choices.push(Choice::new("group", "Group", query, any.chain(groups)));
    }
    let unused = [("", "used or not"), ("7d", "7 days"), ("30d", "30 days"), ("90d", "90 days")];
    choices.push(Choice::new("unused", "Unused for", query, unused));
    let created = [("", "at any time"), ("1d", "a day"), ("7d", "7 days"), ("30d", "30 days")];
    choices.push(Choice::new("created", "Created within", query, created));
    let expiring = [("", "at any time"), ("7d", "7 days"), ("30d", "30 days")];
    choices.push(Choice::new("expiring", "Expires within", query, expiring));
    Ok((choices, users, groups))
}

fn row(token: TokenView, now: Timestamp) -> Row {
    let requests = token.requests_today.map(count).unwrap_or_default();
    let facts = token.facts;
    Row {
        id: token.id.to_string(),
        name: cut(&facts.name, 200),
        state: Badge::token(&facts, now),
        is_revoked: facts.state == "revoked",
        hint: facts.hint,
        user: facts.user,
        created: When::new(facts.created_at, now),
        expires: facts.expires_at.map(|at| When::new(at, now)),
        used: facts.last_used_at.map(|at| When::new(at, now)),
        used_ip: facts.last_used_ip.unwrap_or_default(),
        groups: facts.groups.join(", "),
        requests,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_back_to_the_list_that_it_came_from() {
        for query in ["", "sort=name", "q=a+b&sort=-created", "state=all&user=ana", "unused=30d"] {
            let asked = Fields::parse(query.as_bytes());
            let named = |(name, text): (String, String)| (format!("{HIDDEN}{name}"), text);
            let form = hidden(&asked.with("cursor", "x")).into_iter().map(named);
            let form = form.fold(Fields::from([("action", "revoke")]), |form, (name, text)| {
                form.with(&name, &text)
            });
            let back = of_hidden(&form);
            let back = Fields::parse(back.split_once('?').unwrap_or_default().1.as_bytes());
            let sorted = |fields: &Fields| {
                let mut pairs = fields.pairs().to_vec();
                pairs.sort();
                pairs
            };
            assert_eq!(sorted(&back), sorted(&asked), "{query}");
        }
    }
}
