//! Lists that end before they are full, since enough was looked at, and go on where they ended.

use std::collections::BTreeSet;

use mcpass_authority::Context;
use mcpass_authority::api::{GroupCreate, TokenCreate};
use mcpass_domain::id::IdParts;
use mcpass_domain::{AccessRow, Clock as _, RequestId, Token, TokenDigest, TokenId};
use mcpass_store::{AccessBatch, Change, Commit, Store as _};

use super::families::answered;
use super::{Bench, clock, operator};

/// Rows of the log, and tokens, that are looked at for a page.
const ROWS: u32 = 10_000;
const TOKENS: u32 = 1_000;

/// The id of the `place`th of what is listed newest first: one a second.
fn nth<I: From<IdParts>>(place: u32) -> I {
    let [a, b, c, d] = place.to_be_bytes();
    let random = [a, b, c, d, 0, 0, 0, 0, 0, 0];
    IdParts {
        now: clock().now().saturating_sub(std::time::Duration::from_secs(place.into())),
        random,
    }
    .into()
}

/// What one page of a list says.
struct Part {
    body: String,
    /// What is listed, as it stands there.
    ids: Vec<String>,
    /// The one link that goes on.
    next: Option<String>,
}

impl Part {
    /// The page at `path`, of a list whose items are at `items`.
    async fn at(bench: &Bench, cookie: &str, path: &str, items: &str) -> Self {
        let body = bench.get(path, cookie).await.body;
        let link = format!(r#"<a class="go" href="{items}"#);
        let ids = body.split(&link).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned());
        let ids = ids.collect();
        let links = [r#"" id="further""#, r#"" id="page-next""#].map(|end| {
            let (before, _) = body.split_once(end)?;
            Some(before.rsplit_once('"').unwrap().1.replace("&#38;", "&"))
        });
        assert!(links.iter().flatten().count() < 2, "two ways on: {body}");
        let next = links.into_iter().flatten().next();
        Self { body, ids, next }
    }

    /// All pages from `path` on.
    async fn all(bench: &Bench, cookie: &str, path: &str, items: &str) -> Vec<Self> {
        let mut parts = vec![Self::at(bench, cookie, path, items).await];
        while let Some(next) = parts.last().unwrap().next.clone() {
            assert!(parts.len() < 9, "no end: {next}");
            parts.push(Self::at(bench, cookie, &next, items).await);
        }
        parts
    }

    /// Whether its link goes on behind exactly this one.
    fn goes_on_behind(&self, id: &str) -> bool {
        let cursor = |next: &str| {
            let mut pairs = next.split(['?', '&']).filter_map(|pair| pair.strip_prefix("cursor="));
            pairs.next() == Some(id)
        };
        self.next.as_deref().is_some_and(cursor)
    }

    fn says(&self, text: &str) -> bool {
        self.body.contains(text)
    }
}

fn texts<I: ToString + From<IdParts>>(places: &[u32]) -> Vec<String> {
    places.iter().map(|place| nth::<I>(*place).to_string()).collect()
}

/// A log in which `needle` stands at these places, and otherwise `hay`.
async fn log(bench: &Bench, count: u32, needles: &[u32]) -> Token {
    let id = bench.token("bo", "laptop").await;
    let token = bench.store.token_find(id.parse().unwrap()).await.unwrap().unwrap();
    let target = |place| if needles.contains(&place) { "needle" } else { "hay" };
    let rows: Vec<AccessRow> =
        (0..count).map(|place| answered(&token, nth(place), target(place))).collect();
    bench.store.access_load(AccessBatch { rows, ..AccessBatch::default() }).await.unwrap();
    token
}

#[tokio::test]
async fn a_log_is_looked_through_a_part_at_a_time_and_nothing_is_left_out() {
    let bench = Bench::new().await;
    let cookie = bench.sign_in("ana").await;
    // On both sides of where looking ends.
    let needles = [0, 4_000, ROWS - 1, ROWS, 2 * ROWS - 1];
    let token = log(&bench, 2 * ROWS + 100, &needles).await;
    let path = "/log?target=needle";
    let first = Part::at(&bench, &cookie, path, "/log/").await;
    assert_eq!(first.ids, texts::<RequestId>(&needles[..3]));
    assert!(first.says(r#"id="looked-back">Looked back to <time"#), "{}", first.body);
    let last = nth::<RequestId>(ROWS - 1);
    let exact = last.moment().to_string();
    let (_, said) = first.body.split_once(r#"id="looked-back""#).unwrap();
    assert!(said.split("</p>").next().unwrap().contains(&exact), "{exact}: {said}");
    assert!(first.goes_on_behind(&last.to_string()), "{:?}", first.next);

    // What comes meanwhile is not in the way.
    let newer = (1..50_u8).map(|n| {
        let id = IdParts {
            now: clock().now().saturating_add(std::time::Duration::from_secs(n.into())),
            random: [n; 10],
        };
        answered(&token, id.into(), "needle")
    });
    let batch = AccessBatch { rows: newer.collect(), ..AccessBatch::default() };
    bench.store.access_load(batch).await.unwrap();
    let rest = Part::all(&bench, &cookie, first.next.as_deref().unwrap(), "/log/").await;
    let [second, end] = rest.as_slice() else { panic!("{} parts", rest.len()) };
    assert_eq!(second.ids, texts::<RequestId>(&needles[3..]));
    assert!(second.goes_on_behind(&nth::<RequestId>(2 * ROWS - 1).to_string()));
    assert!(end.ids.is_empty() && end.says("no older request is like that"), "{}", end.body);
    assert!(!end.says("looked-back") && end.says(r#"href="/log?target=needle" id="page-first""#));
}

#[tokio::test]
async fn a_log_with_nothing_yet_offers_to_look_further_until_its_end() {
    let bench = Bench::new().await;
    let cookie = bench.sign_in("ana").await;
    log(&bench, 2 * ROWS + 100, &[2 * ROWS + 50]).await;
    let parts = Part::all(&bench, &cookie, "/log?target=needle", "/log/").await;
    let [first, second, last] = parts.as_slice() else { panic!("{} parts", parts.len()) };
    for (part, place) in [(first, ROWS - 1), (second, 2 * ROWS - 1)] {
        assert!(part.ids.is_empty() && part.says("None of the requests looked at is like that."));
        assert!(part.says("Looked back to <time") && part.says(">Look further</a>"));
        assert!(part.goes_on_behind(&nth::<RequestId>(place).to_string()), "{:?}", part.next);
    }
    assert_eq!(last.ids, texts::<RequestId>(&[2 * ROWS + 50]));
    assert!(!last.says("Looked back") && !last.says("further"), "{}", last.body);

    // What is nowhere is not promised; and where all was looked at, no more is offered.
    let parts = Part::all(&bench, &cookie, "/log?target=nowhere", "/log/").await;
    let ends = parts.iter().map(|part| part.says("no older request is like that"));
    assert_eq!(ends.collect::<Vec<_>>(), [false, false, true]);
    let few = Bench::new().await;
    let cookie = few.sign_in("ana").await;
    log(&few, ROWS, &[]).await;
    let only = Part::at(&few, &cookie, "/log?target=needle", "/log/").await;
    assert!(only.says("No request is like that.") && only.next.is_none(), "{}", only.body);
}

/// So many more tokens of bo, of which those at these places may call `demo.needle`.
async fn tokens(bench: &Bench, count: u32, needles: &[u32]) {
    let model = bench.token("bo", "model").await.parse::<TokenId>().unwrap();
    let model = bench.store.token_find(model).await.unwrap().unwrap();
    let permission = |place| if needles.contains(&place) { "demo.needle" } else { "demo.hay" };
    // Older than the model, which may call everything at its server and is at another.
    let changes = (0..count).map(|place| {
        Change::TokenInsert(Token {
            id: nth(place + 1),
            family: nth(place + 1),
            digest: TokenDigest::of(&place.to_be_bytes()),
            permissions: vec![permission(place).parse().unwrap()],
            ..model.clone()
        })
    });
    let commit = Commit { changes: changes.collect(), audit: Vec::new() };
    bench.store.commit(commit).await.unwrap();
}

#[tokio::test]
async fn tokens_by_permission_are_looked_through_a_part_at_a_time() {
    let bench = Bench::new().await;
    let cookie = bench.sign_in("ana").await;
    // With the model, the newest of all, a thousand ends one earlier.
    let edge = TOKENS - 1;
    let needles = [3, edge - 1, edge, 2 * TOKENS + 7];
    tokens(&bench, 3 * TOKENS, &needles).await;
    let ids: Vec<String> = texts::<TokenId>(&needles.map(|place| place + 1));
    let parts = Part::all(&bench, &cookie, "/tokens?may=demo.needle", "/tokens/").await;
    let shown: Vec<&String> = parts.iter().flat_map(|part| &part.ids).collect();
    assert_eq!(shown.iter().copied().collect::<BTreeSet<_>>().len(), shown.len(), "none twice");
    let model = &parts[0].ids[0];
    assert_eq!(parts[0].ids, [model, &ids[0], &ids[1]].map(Clone::clone));
    assert!(parts[0].says("A thousand tokens were looked at"), "{}", parts[0].body);
    assert!(parts[0].goes_on_behind(&nth::<TokenId>(edge).to_string()), "{:?}", parts[0].next);
    assert_eq!(parts[1].ids, [ids[2].clone()]);
    assert_eq!(parts[2].ids, [ids[3].clone()]);
    assert!(parts[3].ids.is_empty() && parts[3].says("no further token is like that"));
    assert_eq!(parts.len(), 4);
    assert!(parts[3].says(r#"href="/tokens?may=demo.needle" id="page-first""#));

    let parts = Part::all(&bench, &cookie, "/tokens?may=blog.nowhere", "/tokens/").await;
    let further = parts.iter().map(|part| part.says(">Look further</a>"));
    assert_eq!(further.collect::<Vec<_>>(), [true, true, true, false]);
    assert!(parts[0].says("None of the thousand tokens looked at is like that."));
}

#[tokio::test]
async fn what_cannot_be_explained_is_told_where_explanations_are() {
    let bench = Bench::new().await;
    let cookie = bench.sign_in("ana").await;
    let id = bench.token("bo", "laptop").await;
    let page = bench.get(&format!("/tokens/{id}?permission=no%20such%20name"), &cookie).await.body;
    // The script puts this part of the page in place, and no other.
    let (_, part) = page.split_once(r#"<div id="explained""#).unwrap();
    assert!(part.split("</div></section>").next().unwrap().contains(r#"id="trouble""#), "{page}");
}

#[tokio::test]
async fn who_changed_something_is_named_and_leads_to_their_page() {
    let bench = Bench::new().await;
    let ana = bench.sign_in("ana").await;
    let request = TokenCreate {
        name: "robot".to_owned(),
        user: "ana".to_owned(),
        permissions: vec!["mcpass.add_group".to_owned()],
        ..TokenCreate::default()
    };
    let robot = bench.authority.token_create(&operator(), request).await.unwrap().id;
    let group = GroupCreate { name: "team".to_owned(), permissions: Vec::new() };
    bench.authority.group_create(&Context::token(robot, "127.0.0.1"), group).await.unwrap();
    let page = bench.get("/audit?action=group.create", &ana).await.body;
    let named = format!(r#"<a href="/tokens/{robot}"><bdi>robot</bdi></a>"#);
    assert!(page.contains(&named), "{page}");
    let page = bench.get("/audit?action=token.create", &ana).await.body;
    assert!(page.contains("<bdi>operator:test</bdi>"), "{page}");
}
