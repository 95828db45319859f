//! An authority with a clock that stands still, a store, and a gateway that keeps what it is
//! told.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcpass_authority::api::{
    ApiError, AuditList, AuditView, GroupCreate, GroupView, IssuedToken, TokenCreate, TokenDetails,
    TokenRef, UserCreate, UserView,
};
use mcpass_authority::sign_in::PasswordCost;
use mcpass_authority::{Authority, Context, NoGateway, Options, Publisher, Update};
use mcpass_domain::{
    AuditId, ManualClock, SeededEntropy, Server, Subject, Timestamp, TokenDigest, TokenId,
    TokenSecret,
};
use mcpass_store::faulty::FaultyStore;
use mcpass_store::memory::MemoryStore;
use mcpass_store::{Store, sql};

pub(crate) const DAY: Duration = Duration::from_hours(24);
pub(crate) const HOUR: Duration = Duration::from_hours(1);

/// A gateway that keeps what it is told.
#[derive(Debug, Default)]
pub(crate) struct Gateway {
    tokens: Mutex<HashMap<TokenDigest, Arc<Subject>>>,
    servers: Mutex<Vec<Server>>,
    updates: Mutex<Vec<usize>>,
}

impl Publisher for Gateway {
    fn publish(&self, update: Update) {
        match update {
            Update::Servers(servers) => *self.servers.lock().unwrap() = servers,
            Update::Tokens(tokens) => {
                self.updates.lock().unwrap().push(tokens.len());
                let mut known = self.tokens.lock().unwrap();
                known.extend(tokens.into_iter().map(|token| (token.digest, token.subject)));
            }
        }
    }
}

impl Gateway {
    /// What it knows of a token.
    pub(crate) fn subject(&self, token: &str) -> Option<Arc<Subject>> {
        self.find(&TokenSecret::parse(token).unwrap().digest())
    }

    pub(crate) fn find(&self, digest: &TokenDigest) -> Option<Arc<Subject>> {
        self.tokens.lock().unwrap().get(digest).cloned()
    }

    pub(crate) fn tokens(&self) -> HashMap<TokenDigest, Arc<Subject>> {
        self.tokens.lock().unwrap().clone()
    }

    pub(crate) fn servers(&self) -> Vec<String> {
        self.servers.lock().unwrap().iter().map(|server| server.name.to_string()).collect()
    }

    /// How many tokens each update since the last call told of.
    pub(crate) fn take_updates(&self) -> Vec<usize> {
        std::mem::take(&mut *self.updates.lock().unwrap())
    }

    pub(crate) fn forget(&self) {
        self.tokens.lock().unwrap().clear();
        self.servers.lock().unwrap().clear();
    }
}

/// An authority and everything around it.
#[derive(Debug)]
pub(crate) struct Harness {
    pub(crate) authority: Authority,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) gateway: Arc<Gateway>,
    seen: Mutex<HashSet<AuditId>>,
    folder: Option<tempfile::TempDir>,
}

impl Harness {
    pub(crate) fn memory() -> Self {
        Self::with(Options::default())
    }

    pub(crate) fn with(options: Options) -> Self {
        Self::over(Arc::new(MemoryStore::new()), options, None)
    }

    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        Self::over(sql::connect(&url).await.unwrap(), Options::default(), Some(folder))
    }

    fn over(
        store: Arc<dyn Store>,
        mut options: Options,
        folder: Option<tempfile::TempDir>,
    ) -> Self {
        // Tests are about the way of a password, not about its cost.
        options.sign_in.cost = PasswordCost { memory_kib: 64, passes: 1 };
        let store = Arc::new(FaultyStore::new(store));
        let start = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
        let clock = Arc::new(ManualClock::at(start));
        let gateway = Arc::new(Gateway::default());
        let authority = Authority::new(
            Arc::clone(&store) as Arc<dyn Store>,
            Arc::clone(&clock) as _,
            Arc::new(SeededEntropy::new(42)),
            Arc::clone(&gateway) as _,
            options,
        );
        Self { authority, store, clock, gateway, seen: Mutex::default(), folder }
    }

    /// An authority of another process on the same database.
    pub(crate) fn other_process(&self) -> Authority {
        Authority::new(
            Arc::clone(&self.store) as Arc<dyn Store>,
            Arc::clone(&self.clock) as _,
            Arc::new(SeededEntropy::new(43)),
            Arc::new(NoGateway),
            Options::default(),
        )
    }

    /// Ends the database before its folder goes.
    pub(crate) async fn close(self) {
        let Self { authority, store, folder, .. } = self;
        drop((authority, store));
        tokio::task::yield_now().await;
        drop(folder);
    }

    pub(crate) async fn user(&self, name: &str) -> UserView {
        let request = UserCreate { name: name.to_owned(), ..UserCreate::default() };
        self.authority.user_create(&operator(), request).await.unwrap()
    }

    pub(crate) async fn user_with(&self, name: &str, permissions: &[&str]) -> Context {
        let request = UserCreate {
            name: name.to_owned(),
            permissions: texts(permissions),
            ..UserCreate::default()
        };
        let user = self.authority.user_create(&operator(), request).await.unwrap();
        Context::user(user.id, "127.0.0.1")
    }

    pub(crate) async fn group(&self, name: &str, permissions: &[&str]) -> GroupView {
        let request = GroupCreate { name: name.to_owned(), permissions: texts(permissions) };
        self.authority.group_create(&operator(), request).await.unwrap()
    }

    pub(crate) async fn token(&self, user: &str, permissions: &[&str]) -> IssuedToken {
        self.issue(TokenCreate { permissions: texts(permissions), ..named(user) }).await
    }

    pub(crate) async fn issue(&self, request: TokenCreate) -> IssuedToken {
        self.authority.token_create(&operator(), request).await.unwrap()
    }

    pub(crate) async fn show(&self, id: TokenId) -> TokenDetails {
        self.authority.token_show(&operator(), by_id(id)).await.unwrap()
    }

    /// All audit rows.
    pub(crate) async fn audit(&self) -> Vec<AuditView> {
        let request = AuditList { limit: Some(1_000), ..AuditList::default() };
        let page = self.authority.audit_list(&operator(), request).await.unwrap();
        assert_eq!(page.next, None);
        page.items
    }

    /// The audit rows that were written since the last call. Rows of one millisecond are in no
    /// order, and this clock stands still, so their place in the list tells nothing.
    pub(crate) async fn new_audit(&self) -> Vec<AuditView> {
        let rows = self.audit().await;
        let mut seen = self.seen.lock().unwrap();
        rows.into_iter().filter(|row| seen.insert(row.id)).collect()
    }

    /// The one audit row that was written since the last call.
    pub(crate) async fn one_audit(&self) -> AuditView {
        let mut rows = self.new_audit().await;
        assert_eq!(rows.len(), 1, "{rows:?}");
        rows.remove(0)
    }

    /// Checks that the gateway knows of each token exactly what the store says, and no others.
    pub(crate) async fn assert_published(&self) {
        let published = self.gateway.tokens();
        let stored = self.store.token_scan(None, 10_000).await.unwrap();
        assert_eq!(published.len(), stored.len());
        for token in stored {
            let subject = &published[&token.digest];
            let shown = self.show(token.id).await.facts;
            assert_eq!(subject.token, token.id);
            assert_eq!(subject.family, token.family);
            assert_eq!(*subject.name, *token.name.as_str());
            assert_eq!(*subject.user, *shown.user);
            assert_eq!(subject.hint, token.hint);
            assert_eq!(subject.is_revoked, token.revocation.is_some());
            assert_eq!(subject.is_active, token.is_active);
            assert_eq!(subject.expires_at, token.expires_at);
            assert_eq!(subject.owner_is_active, shown.user_active);
            assert_eq!(subject.networks, token.networks);
            assert_eq!(subject.limits, token.limits);
            assert_eq!(subject.rate_limit_style, token.rate_limit_style);
            let granted: Vec<_> = subject
                .grants
                .iter()
                .map(|grant| (grant.permission.to_string(), grant.source.to_string()))
                .collect();
            let expected: Vec<_> = shown
                .effective_permissions
                .into_iter()
                .map(|one| (one.permission, one.source))
                .collect();
            assert_eq!(granted, expected);
        }
    }
}

pub(crate) fn operator() -> Context {
    Context::operator("root", "test")
}

pub(crate) fn texts(all: &[&str]) -> Vec<String> {
    all.iter().map(|text| (*text).to_owned()).collect()
}

pub(crate) fn by_id(id: TokenId) -> TokenRef {
    TokenRef { id: id.to_string() }
}

/// A request for a token of this user.
pub(crate) fn named(user: &str) -> TokenCreate {
    TokenCreate { name: "agent".to_owned(), user: user.to_owned(), ..TokenCreate::default() }
}

/// The code of a refusal.
pub(crate) fn code<T: std::fmt::Debug>(answer: Result<T, ApiError>) -> String {
    answer.unwrap_err().code
}

/// Runs a test on each store.
macro_rules! on_each_store {
    ($($name:ident)*) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                let harness = $crate::harness::Harness::memory();
                super::$name(&harness).await;
                harness.close().await;
            })*
        }
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let harness = $crate::harness::Harness::sqlite().await;
                super::$name(&harness).await;
                harness.close().await;
            })*
        }
    };
}
pub(crate) use on_each_store;
