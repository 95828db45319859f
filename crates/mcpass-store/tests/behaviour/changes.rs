//! Commits: all or nothing, versions, names, references.

use std::sync::Arc;
use std::time::Duration;

use mcpass_domain::server::{ClientIdentity, HttpUpstream, StdioUpstream};
use mcpass_domain::{Server, ServerKind, TokenDigest};
use mcpass_store::{
    AuditFilter, Change, Commit, PageRequest, Store, StoreError, StoreErrorKind, TokenFilter,
};

use crate::fixtures::{
    at, commit, event, full_token, group, id, kind, server, token, user, with_ana,
};

async fn audit_rows(store: &dyn Store) -> usize {
    let page = PageRequest { after: None, limit: 100 };
    store.audit_list(&AuditFilter::default(), &page).await.unwrap().items.len()
}

pub(crate) async fn a_commit_is_kept_whole(store: Arc<dyn Store>) {
    let readers = group(2, "readers");
    let writers = group(3, "writers");
    let mut ana = user(1, "ana@example.com");
    ana.is_superuser = true;
    ana.groups = vec![writers.id, readers.id];
    let full = full_token(4, vec![writers.id, readers.id]);
    let plain = token(5);
    let mut demo = server("demo");
    demo.kind = ServerKind::Demo;
    demo.is_enabled = false;
    demo.is_declared = true;
    let github = server("github");
    let changes = vec![
        Change::GroupInsert(writers.clone()),
        Change::GroupInsert(readers.clone()),
        Change::UserInsert(ana.clone()),
        Change::TokenInsert(full.clone()),
        Change::TokenInsert(plain.clone()),
        Change::ServerInsert(github.clone()),
        Change::ServerInsert(demo.clone()),
    ];
    store.commit(Commit { changes, audit: vec![event(6), event(7)] }).await.unwrap();

    assert_eq!(store.user_find(ana.id).await.unwrap(), Some(ana.clone()));
    assert_eq!(store.user_find_by_name("ana@example.com").await.unwrap(), Some(ana.clone()));
    assert_eq!(store.user_list().await.unwrap(), [ana]);
    assert_eq!(store.group_find(readers.id).await.unwrap(), Some(readers.clone()));
    assert_eq!(store.group_find_by_name("writers").await.unwrap(), Some(writers.clone()));
    assert_eq!(store.group_list().await.unwrap(), [readers, writers]);
    assert_eq!(store.token_find(full.id).await.unwrap(), Some(full.clone()));
    assert_eq!(store.token_find_by_digest(&plain.digest).await.unwrap(), Some(plain.clone()));
    assert_eq!(store.token_scan(None, 9).await.unwrap(), [full, plain]);
    assert_eq!(store.server_list().await.unwrap(), [demo, github]);
    assert_eq!(audit_rows(&*store).await, 2);
}

pub(crate) async fn servers_of_every_kind_are_kept_whole(store: Arc<dyn Store>) {
    let with = |name: &str, kind: ServerKind| Server { kind, ..server(name) };
    let mut secured = HttpUpstream::new("https://mcp.example.com/mcp");
    secured.ca_file = Some("/etc/mcpass/ca.pem".to_owned());
    secured.client_identity = Some(ClientIdentity {
        certificate: "/etc/mcpass/client.pem".to_owned(),
        key: "/etc/mcpass/client.key".to_owned(),
    });
    secured.max_connections = 7;
    let arguments = ["-c", "say 'é'\n\u{1F980}", ""].map(str::to_owned).to_vec();
    let mut child = StdioUpstream::new("python3", arguments);
    child.environment = [("API_KEY".to_owned(), "${env:API_KEY}".to_owned())].into();
    child.folder = Some("/srv/work".to_owned());
    child.per_token = true;
    child.start_timeout = Duration::from_micros(1_500_001);
    child.answer_timeout = Duration::from_secs(3);
    child.idle = Duration::ZERO;
    let plain = StdioUpstream::new("/usr/bin/server", Vec::new());
    let mut all = vec![
        with("a", ServerKind::Stdio(child)),
        with("b", ServerKind::Stdio(plain.clone())),
        with("c", ServerKind::Http(secured)),
        with("d", ServerKind::Demo),
    ];
    commit(&*store, all.iter().cloned().map(Change::ServerInsert)).await.unwrap();
    assert_eq!(store.server_list().await.unwrap(), all);

    // What is declared takes the place of what was added by hand, whatever its kind.
    all[2].kind = ServerKind::Stdio(plain);
    commit(&*store, [Change::ServerUpdate(all[2].clone())]).await.unwrap();
    all[2].version += 1;
    assert_eq!(store.server_list().await.unwrap(), all);
}

pub(crate) async fn a_failure_in_the_last_change_leaves_nothing_of_the_first(
    store: Arc<dyn Store>,
) {
    with_ana(&*store).await;
    let readers = group(2, "readers");
    let changes = [Change::GroupInsert(readers.clone()), Change::TokenInsert(token(3))];
    commit(&*store, changes).await.unwrap();
    let before = store.token_find(id(3)).await.unwrap().unwrap();

    let mut stale = user(1, "renamed");
    stale.version = 99;
    let mut moved = token(3);
    moved.groups = vec![readers.id];
    moved.note = "changed".into();
    let changes = vec![
        Change::GroupInsert(group(4, "writers")),
        Change::TokenInsert(token(5)),
        Change::TokenUpdate(moved),
        Change::ServerInsert(server("github")),
        Change::GroupDelete(readers.id, 1),
        Change::UserUpdate(stale),
    ];
    let error = store.commit(Commit { changes, audit: vec![event(6)] }).await.unwrap_err();

    assert_eq!(error.kind, StoreErrorKind::Conflict, "{error}");
    assert_eq!(store.group_list().await.unwrap(), [readers]);
    assert_eq!(store.token_scan(None, 9).await.unwrap(), [before]);
    assert_eq!(store.token_find_by_digest(&token(5).digest).await.unwrap(), None);
    assert_eq!(store.server_list().await.unwrap(), []);
    assert_eq!(audit_rows(&*store).await, 0);

    // An audit row that cannot be written takes its changes with it.
    let changes = vec![Change::TokenInsert(token(5))];
    let twice = Commit { changes, audit: vec![event(6), event(6)] };
    assert_eq!(kind(store.commit(twice).await), StoreErrorKind::Exists);
    assert_eq!(store.token_find(id(5)).await.unwrap(), None);
    assert_eq!(audit_rows(&*store).await, 0);
}

pub(crate) async fn later_changes_of_a_commit_see_earlier_ones(store: Arc<dyn Store>) {
    let readers = group(2, "readers");
    let mut first = token(3);
    first.groups = vec![readers.id];
    let mut second = first.clone();
    second.note = "second".into();
    let mut third = first.clone();
    third.version = 2;
    third.note = "third".into();
    let changes = [
        Change::UserInsert(user(1, "ana")),
        Change::GroupInsert(readers),
        Change::TokenInsert(first),
        Change::TokenUpdate(second),
        Change::TokenUpdate(third),
    ];
    commit(&*store, changes).await.unwrap();
    let stored = store.token_find(id(3)).await.unwrap().unwrap();
    assert_eq!((stored.version, stored.note.as_str()), (3, "third"));
    let duplicate = [Change::ServerInsert(server("a")), Change::ServerInsert(server("a"))];
    assert_eq!(kind(commit(&*store, duplicate).await), StoreErrorKind::Exists);
    let renamed =
        [Change::ServerDelete("a".parse().unwrap(), 1), Change::ServerInsert(server("a"))];
    assert_eq!(kind(commit(&*store, renamed.clone()).await), StoreErrorKind::Missing);
    commit(&*store, [Change::ServerInsert(server("a"))]).await.unwrap();
    commit(&*store, renamed).await.unwrap();
}

pub(crate) async fn stale_versions_conflict_and_unknown_things_are_missing(store: Arc<dyn Store>) {
    async fn twice(store: &dyn Store, change: Change, missing: Change) -> Result<(), StoreError> {
        assert_eq!(kind(commit(store, [missing]).await), StoreErrorKind::Missing);
        commit(store, [change.clone()]).await.unwrap();
        commit(store, [change]).await
    }
    let inserts = [
        Change::UserInsert(user(1, "ana")),
        Change::GroupInsert(group(2, "readers")),
        Change::TokenInsert(token(3)),
        Change::ServerInsert(server("github")),
    ];
    commit(&*store, inserts).await.unwrap();
    let updates = [
        (Change::UserUpdate(user(1, "ana")), Change::UserUpdate(user(9, "eva"))),
        (Change::GroupUpdate(group(2, "readers")), Change::GroupUpdate(group(9, "others"))),
        (Change::TokenUpdate(token(3)), Change::TokenUpdate(token(9))),
        (Change::ServerUpdate(server("github")), Change::ServerUpdate(server("gitlab"))),
    ];
    for (update, missing) in updates {
        let again = twice(&*store, update.clone(), missing).await;
        assert_eq!(kind(again), StoreErrorKind::Conflict, "{update:?}");
    }
    assert_eq!(store.user_find(id(1)).await.unwrap().unwrap().version, 2);
    assert_eq!(store.group_find(id(2)).await.unwrap().unwrap().version, 2);
    assert_eq!(store.token_find(id(3)).await.unwrap().unwrap().version, 2);
    assert_eq!(store.server_list().await.unwrap()[0].version, 2);
    let deletions = |version| {
        [
            Change::GroupDelete(id(2), version),
            Change::ServerDelete("github".parse().unwrap(), version),
        ]
    };
    for (version, expected) in [(1, Some(StoreErrorKind::Conflict)), (2, None)] {
        for deletion in deletions(version) {
            let done = commit(&*store, [deletion]).await;
            assert_eq!(done.err().map(|error| error.kind), expected);
        }
    }
    for deletion in deletions(2) {
        assert_eq!(kind(commit(&*store, [deletion]).await), StoreErrorKind::Missing);
    }
    assert_eq!(store.server_list().await.unwrap(), []);
    assert_eq!(store.group_list().await.unwrap(), []);
}

pub(crate) async fn a_taken_name_id_or_digest_is_refused(store: Arc<dyn Store>) {
    let inserts = [
        Change::UserInsert(user(1, "ana")),
        Change::UserInsert(user(2, "eva")),
        Change::GroupInsert(group(3, "readers")),
        Change::GroupInsert(group(4, "writers")),
        Change::TokenInsert(token(5)),
        Change::ServerInsert(server("github")),
    ];
    commit(&*store, inserts).await.unwrap();
    let mut same_digest = token(9);
    same_digest.digest = token(5).digest;
    let mut same_id = token(9);
    same_id.id = token(5).id;
    let taken = [
        Change::UserInsert(user(9, "ana")),
        Change::UserInsert(user(1, "new")),
        Change::UserUpdate(user(2, "ana")),
        Change::GroupInsert(group(9, "readers")),
        Change::GroupInsert(group(3, "new")),
        Change::GroupUpdate(group(4, "readers")),
        Change::TokenInsert(same_digest),
        Change::TokenInsert(same_id),
        Change::ServerInsert(server("github")),
    ];
    for change in taken {
        let result = commit(&*store, [change.clone()]).await;
        assert_eq!(kind(result), StoreErrorKind::Exists, "{change:?}");
    }
    let mut twins = [token(10), token(11), token(12)];
    twins[2].digest = twins[0].digest;
    let result = commit(&*store, twins.map(Change::TokenInsert)).await;
    assert_eq!(kind(result), StoreErrorKind::Exists);
    assert_eq!(store.token_scan(None, 9).await.unwrap(), [token(5)]);
    let audit = Commit { changes: Vec::new(), audit: vec![event(6)] };
    store.commit(audit.clone()).await.unwrap();
    assert_eq!(kind(store.commit(audit).await), StoreErrorKind::Exists);
    // Keeping one's own name is no clash.
    commit(&*store, [Change::UserUpdate(user(2, "eva"))]).await.unwrap();
    commit(&*store, [Change::GroupUpdate(group(4, "writers"))]).await.unwrap();
}

pub(crate) async fn names_and_digests_are_exact(store: Arc<dyn Store>) {
    let names = ["Ana", "ana", "\u{e4}na", "zoe", "ANA"];
    let users = names.iter().zip(1..).map(|(name, n)| Change::UserInsert(user(n, name)));
    commit(&*store, users).await.unwrap();
    let groups =
        ["b", "B", "a"].iter().zip(1..).map(|(name, n)| Change::GroupInsert(group(n, name)));
    commit(&*store, groups).await.unwrap();
    let mut low = token(8);
    low.digest = TokenDigest::from_bytes([b'a'; 32]);
    let mut high = token(9);
    high.digest = TokenDigest::from_bytes([b'A'; 32]);
    commit(&*store, [low, high].map(Change::TokenInsert)).await.unwrap();

    let listed = store.user_list().await.unwrap();
    let listed: Vec<&str> = listed.iter().map(|user| user.name.as_str()).collect();
    assert_eq!(listed, ["ANA", "Ana", "ana", "zoe", "\u{e4}na"], "in the order of bytes");
    let groups = store.group_list().await.unwrap();
    let groups: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    assert_eq!(groups, ["B", "a", "b"]);
    assert_eq!(store.user_find_by_name("ana").await.unwrap().unwrap().id, id(2));
    assert_eq!(store.user_find_by_name("aNa").await.unwrap(), None);
    assert_eq!(store.group_find_by_name("A").await.unwrap(), None);
    let found = store.token_find_by_digest(&TokenDigest::from_bytes([b'A'; 32])).await.unwrap();
    assert_eq!(found.unwrap().id, id(9));
    let mut other = [b'A'; 32];
    other[31] = b'B';
    assert_eq!(store.token_find_by_digest(&TokenDigest::from_bytes(other)).await.unwrap(), None);
}

pub(crate) async fn references_must_exist(store: Arc<dyn Store>) {
    let orphan = commit(&*store, [Change::TokenInsert(token(3))]).await;
    assert_eq!(kind(orphan), StoreErrorKind::Missing);
    with_ana(&*store).await;
    commit(&*store, [Change::TokenInsert(token(3))]).await.unwrap();
    let mut in_group = token(4);
    in_group.groups = vec![id(9)];
    let mut joins = token(3);
    joins.groups = vec![id(9)];
    let mut given = token(3);
    given.user = id(9);
    let mut eva = user(5, "eva");
    eva.groups = vec![id(9)];
    let mut ana = user(1, "ana");
    ana.groups = vec![id(9)];
    let dangling = [
        Change::TokenInsert(in_group),
        Change::TokenUpdate(joins),
        Change::TokenUpdate(given),
        Change::UserInsert(eva),
        Change::UserUpdate(ana),
    ];
    for change in dangling {
        let result = commit(&*store, [change.clone()]).await;
        assert_eq!(kind(result), StoreErrorKind::Missing, "{change:?}");
    }
    assert_eq!(store.token_scan(None, 9).await.unwrap(), [token(3)]);
    assert_eq!(store.user_list().await.unwrap(), [user(1, "ana")]);
}

pub(crate) async fn a_token_update_leaves_what_is_fixed(store: Arc<dyn Store>) {
    let inserts = [
        Change::UserInsert(user(1, "ana")),
        Change::UserInsert(user(2, "eva")),
        Change::GroupInsert(group(3, "readers")),
        Change::GroupInsert(group(4, "writers")),
        Change::TokenInsert(full_token(5, vec![id(3)])),
    ];
    commit(&*store, inserts).await.unwrap();
    let mut edited = token(6);
    edited.id = id(5);
    edited.name = "other name".parse().unwrap();
    edited.user = id(2);
    edited.groups = vec![id(4), id(3)];
    edited.permissions = Vec::new();
    edited.expires_at = None;
    edited.networks = mcpass_domain::CidrList::default();
    edited.created_by = "somebody else".into();
    edited.last_used_at = Some(at(999));
    commit(&*store, [Change::TokenUpdate(edited.clone())]).await.unwrap();

    let fixed = full_token(5, Vec::new());
    let expected = mcpass_domain::Token {
        family: fixed.family,
        digest: fixed.digest,
        hint: fixed.hint,
        created_at: fixed.created_at,
        created_by: fixed.created_by,
        last_used_at: fixed.last_used_at,
        last_used_ip: fixed.last_used_ip,
        version: 2,
        ..edited
    };
    assert_eq!(store.token_find(id(5)).await.unwrap(), Some(expected));
    let page = PageRequest { after: None, limit: 9 };
    let by_text = |text: &str| TokenFilter { text: Some(text.to_owned()), ..Default::default() };
    let found = store.token_list(&by_text("OTHER"), &page).await.unwrap();
    assert_eq!(found.items.len(), 1, "the new name is found");
    assert!(store.token_list(&by_text("agent 5"), &page).await.unwrap().items.is_empty());
}

pub(crate) async fn a_deleted_group_leaves_tokens_and_users(store: Arc<dyn Store>) {
    let (readers, writers) = (group(2, "readers"), group(3, "writers"));
    let mut ana = user(1, "ana");
    ana.groups = vec![readers.id, writers.id];
    let mut both = token(4);
    both.groups = vec![readers.id, writers.id];
    let mut one = token(5);
    one.groups = vec![readers.id];
    let inserts = [
        Change::GroupInsert(readers.clone()),
        Change::GroupInsert(writers.clone()),
        Change::UserInsert(ana.clone()),
        Change::TokenInsert(both.clone()),
        Change::TokenInsert(one.clone()),
    ];
    commit(&*store, inserts).await.unwrap();
    commit(&*store, [Change::GroupDelete(readers.id, 1)]).await.unwrap();

    ana.groups = vec![writers.id];
    both.groups = vec![writers.id];
    one.groups = Vec::new();
    assert_eq!(store.user_find(ana.id).await.unwrap(), Some(ana));
    assert_eq!(store.token_scan(None, 9).await.unwrap(), [both, one]);
    let page = PageRequest { after: None, limit: 9 };
    let of_group = TokenFilter { group: Some(readers.id), ..Default::default() };
    assert!(store.token_list(&of_group, &page).await.unwrap().items.is_empty());
}

pub(crate) async fn strange_texts_survive(store: Arc<dyn Store>) {
    with_ana(&*store).await;
    let mut odd = token(2);
    odd.note = "'; DROP TABLE mcp_tokens; -- % _ \\ \u{1F600} \u{202E} \n\t".into();
    odd.created_by = String::new();
    commit(&*store, [Change::TokenInsert(odd.clone())]).await.unwrap();
    assert_eq!(store.token_find(odd.id).await.unwrap(), Some(odd));

    let mut nul = token(3);
    nul.note = "a\0b".into();
    commit(&*store, [Change::TokenInsert(nul)]).await.unwrap();
    let stored = store.token_find(id(3)).await.unwrap().unwrap();
    assert_eq!(stored.note, "a\u{FFFD}b", "PostgreSQL has no U+0000");

    let mut twice = user(4, "twice");
    let readers = group(5, "readers");
    twice.groups = vec![readers.id, readers.id];
    commit(&*store, [Change::GroupInsert(readers.clone()), Change::UserInsert(twice)])
        .await
        .unwrap();
    let stored = store.user_find(id(4)).await.unwrap().unwrap();
    assert_eq!(stored.groups, [readers.id], "being in a group twice is being in it");
}
