//! Credentials, sessions and one-time links in memory.

use std::collections::BTreeMap;

use mcpass_domain::{
    Credentials, OneTimeLink, SecretDigest, Session, SessionId, Timestamp, UserId,
};

use super::ledger::{Ledger, Undo, check_version, put};
use crate::{SignInChange, SignInSweep, StoreError, error};

/// The part of the ledger that is about signing in.
#[derive(Debug, Default)]
pub(super) struct SignIns {
    pub(super) credentials: BTreeMap<UserId, Credentials>,
    pub(super) links: BTreeMap<SecretDigest, OneTimeLink>,
    pub(super) sessions: BTreeMap<SessionId, Session>,
}

/// What a change replaced.
#[derive(Debug)]
pub(super) enum SignInUndo {
    Credentials(UserId, Option<Box<Credentials>>),
    Link(SecretDigest, Option<OneTimeLink>),
    Session(SessionId, Option<Box<Session>>),
}

impl SignIns {
    pub(super) fn take_back(&mut self, step: SignInUndo) {
        match step {
            SignInUndo::Credentials(user, before) => {
                put(&mut self.credentials, user, before.map(|held| *held));
            }
            SignInUndo::Link(digest, before) => drop(put(&mut self.links, digest, before)),
            SignInUndo::Session(id, before) => {
                put(&mut self.sessions, id, before.map(|held| *held));
            }
        }
    }

    pub(super) fn session_by_digest(&self, digest: &SecretDigest) -> Option<&Session> {
        self.sessions.values().find(|session| session.digest == *digest)
    }

    pub(super) fn sweep(&mut self, sweep: &SignInSweep) -> u64 {
        let before = self.links.len() + self.sessions.len();
        self.links.retain(|_, link| link.expires_at >= sweep.links_expired);
        self.sessions.retain(|_, session| {
            session.ends_at >= sweep.sessions_ended && session.last_seen_at >= sweep.sessions_unused
        });
        (before - self.links.len() - self.sessions.len()) as u64
    }
}

impl Ledger {
    pub(super) fn sign_in(&mut self, change: SignInChange) -> Result<(), StoreError> {
        match change {
            SignInChange::CredentialsInsert(credentials) => self.credentials_insert(credentials),
            SignInChange::CredentialsUpdate(credentials) => self.credentials_update(credentials),
            SignInChange::LinkInsert(link) => self.link_insert(link),
            SignInChange::LinkUse(digest, at) => self.link_use(digest, at),
            SignInChange::LinksDelete(user) => {
                let all = self.sign_ins.links.values().filter(|link| link.user == user);
                let all: Vec<_> = all.map(|link| link.digest).collect();
                for digest in all {
                    self.put_link(digest, None);
                }
                Ok(())
            }
            SignInChange::SessionDelete(id) => {
                if !self.sign_ins.sessions.contains_key(&id) {
                    return Err(error::missing("session", &id));
                }
                self.put_session(id, None);
                Ok(())
            }
            SignInChange::SessionInsert(session) => self.session_insert(session),
            SignInChange::SessionsDelete(user, kept) => {
                let all = self.sign_ins.sessions.values();
                let all = all.filter(|one| one.user == user && Some(one.id) != kept);
                let all: Vec<_> = all.map(|session| session.id).collect();
                for id in all {
                    self.put_session(id, None);
                }
                Ok(())
            }
        }
    }

    fn credentials_insert(&mut self, credentials: Credentials) -> Result<(), StoreError> {
        let user = credentials.user;
        if self.sign_ins.credentials.contains_key(&user) || self.is_subject_taken(&credentials) {
            return Err(error::exists("credentials", &user));
        }
        self.check_references(&[], Some(user))?;
        self.put_credentials(credentials);
        Ok(())
    }

    fn credentials_update(&mut self, mut credentials: Credentials) -> Result<(), StoreError> {
        let user = credentials.user;
        let held = self.sign_ins.credentials.get(&user).map(|held| held.version);
        check_version("credentials", &user, held, credentials.version)?;
        if self.is_subject_taken(&credentials) {
            return Err(error::exists("credentials", &user));
        }
        credentials.version += 1;
        self.put_credentials(credentials);
        Ok(())
    }

    fn is_subject_taken(&self, credentials: &Credentials) -> bool {
        credentials.oidc_subject.is_some()
            && self.sign_ins.credentials.values().any(|other| {
                other.user != credentials.user && other.oidc_subject == credentials.oidc_subject
            })
    }

    fn link_insert(&mut self, link: OneTimeLink) -> Result<(), StoreError> {
        if self.sign_ins.links.contains_key(&link.digest) {
            return Err(error::exists("a link", &"this one"));
        }
        self.check_references(&[], link.user)?;
        self.put_link(link.digest, Some(link));
        Ok(())
    }

    fn link_use(&mut self, digest: SecretDigest, at: Timestamp) -> Result<(), StoreError> {
        let link = self.sign_ins.links.get(&digest).cloned();
        let link = link.ok_or_else(|| error::missing("link", &"of this secret"))?;
        if link.used_at.is_some() {
            return Err(error::conflict("link", &"of this secret"));
        }
        self.put_link(digest, Some(OneTimeLink { used_at: Some(at), ..link }));
        Ok(())
    }

    fn session_insert(&mut self, session: Session) -> Result<(), StoreError> {
        let is_taken = self.sign_ins.sessions.contains_key(&session.id)
            || self.sign_ins.session_by_digest(&session.digest).is_some();
        if is_taken {
            return Err(error::exists("a session", &session.id));
        }
        self.check_references(&[], Some(session.user))?;
        self.put_session(session.id, Some(session));
        Ok(())
    }

    fn put_credentials(&mut self, credentials: Credentials) {
        let user = credentials.user;
        let before = self.sign_ins.credentials.insert(user, credentials);
        self.note(Undo::SignIn(SignInUndo::Credentials(user, before.map(Box::new))));
    }

    fn put_link(&mut self, digest: SecretDigest, link: Option<OneTimeLink>) {
        let before = put(&mut self.sign_ins.links, digest, link);
        self.note(Undo::SignIn(SignInUndo::Link(digest, before)));
    }

    fn put_session(&mut self, id: SessionId, session: Option<Session>) {
        let before = put(&mut self.sign_ins.sessions, id, session);
        self.note(Undo::SignIn(SignInUndo::Session(id, before.map(Box::new))));
    }
}
