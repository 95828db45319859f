//! Tokens, accounts, servers and the audit log in memory, changed together or not at all.

use std::collections::{BTreeMap, HashMap};

use mcpass_domain::{
    AuditEvent, AuditId, Group, GroupId, Server, ServerName, Token, TokenDigest, TokenId, User,
    UserId,
};

use super::sign_in::{SignInUndo, SignIns};
use crate::filter::CREATION_LIFETIME;
use crate::{Change, Commit, Creation, LastUse, StoreError, error};

#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) audit: BTreeMap<AuditId, AuditEvent>,
    pub(super) groups: BTreeMap<GroupId, Group>,
    pub(super) servers: BTreeMap<ServerName, Server>,
    pub(super) sign_ins: SignIns,
    pub(super) tokens: BTreeMap<TokenId, Token>,
    pub(super) users: BTreeMap<UserId, User>,
    creations: HashMap<(String, String), Creation>,
    digests: HashMap<TokenDigest, TokenId>,
    /// What the running commit replaced, oldest first.
    undo: Vec<Undo>,
}

#[derive(Debug)]
pub(super) enum Undo {
    Audit(AuditId),
    Creations(HashMap<(String, String), Creation>),
    Group(GroupId, Option<Group>),
    Server(ServerName, Option<Server>),
    SignIn(SignInUndo),
    Token(TokenId, Option<Box<Token>>),
    User(UserId, Option<User>),
}

impl Ledger {
    pub(super) fn commit(&mut self, commit: Commit) -> Result<(), StoreError> {
        let result = self.apply(commit);
        let undo = std::mem::take(&mut self.undo);
        if result.is_err() {
            undo.into_iter().rev().for_each(|step| self.take_back(step));
            self.undo.clear();
        }
        result
    }

    pub(super) fn token_by_digest(&self, digest: &TokenDigest) -> Option<&Token> {
        self.digests.get(digest).and_then(|id| self.tokens.get(id))
    }

    pub(super) fn use_tokens(&mut self, uses: &[LastUse]) {
        for last_use in uses {
            if let Some(token) = self.tokens.get_mut(&last_use.token)
                && token.last_used_at.is_none_or(|at| at < last_use.at)
            {
                token.last_used_at = Some(last_use.at);
                token.last_used_ip = Some(last_use.ip);
            }
        }
    }

    fn apply(&mut self, commit: Commit) -> Result<(), StoreError> {
        for change in commit.changes {
            self.change(change)?;
        }
        for event in commit.audit {
            if self.audit.contains_key(&event.id) {
                return Err(error::exists("an audit row", &event.id));
            }
            self.undo.push(Undo::Audit(event.id));
            self.audit.insert(event.id, event);
        }
        Ok(())
    }

    fn change(&mut self, change: Change) -> Result<(), StoreError> {
        match change {
            Change::CreationInsert(creation) => self.creation_insert(creation),
            Change::GroupDelete(id, version) => self.group_delete(id, version),
            Change::GroupInsert(group) => self.group_insert(group),
            Change::GroupUpdate(group) => self.group_update(group),
            Change::ServerDelete(name, version) => {
                let held = self.servers.get(&name).map(|server| server.version);
                check_version("server", &name, held, version)?;
                self.put_server(&name, None);
                Ok(())
            }
            Change::ServerInsert(server) => {
                if self.servers.contains_key(&server.name) {
                    return Err(error::exists("a server", &server.name));
                }
                self.put_server(&server.name.clone(), Some(server));
                Ok(())
            }
            Change::ServerUpdate(server) => self.server_update(server),
            Change::SignIn(change) => self.sign_in(change),
            Change::TokenInsert(token) => self.token_insert(token),
            Change::TokenUpdate(token) => self.token_update(token),
            Change::UserInsert(user) => self.user_insert(user),
            Change::UserUpdate(user) => self.user_update(user),
        }
    }

    pub(super) fn creation(&self, caller: &str, key: &str) -> Option<&Creation> {
        self.creations.get(&(caller.to_owned(), key.to_owned()))
    }

    fn creation_insert(&mut self, creation: Creation) -> Result<(), StoreError> {
        let key = (creation.caller.clone(), creation.key.clone());
        let mut kept = self.creations.clone();
        kept.retain(|_, old| old.at.as_micros() > creation.at.as_micros() - CREATION_LIFETIME);
        if kept.contains_key(&key) {
            return Err(error::exists("a creation", &creation.key));
        }
        kept.insert(key, creation);
        self.undo.push(Undo::Creations(std::mem::replace(&mut self.creations, kept)));
        Ok(())
    }

    fn group_delete(&mut self, id: GroupId, version: i64) -> Result<(), StoreError> {
        check_version("group", &id, self.groups.get(&id).map(|group| group.version), version)?;
        self.put_group(id, None);
        let tokens = self.tokens.values().filter(|token| token.groups.contains(&id)).cloned();
        for mut token in tokens.collect::<Vec<_>>() {
            token.groups.retain(|group| *group != id);
            self.put_token(token.id, Some(token));
        }
        let users = self.users.values().filter(|user| user.groups.contains(&id)).cloned();
        for mut user in users.collect::<Vec<_>>() {
            user.groups.retain(|group| *group != id);
            self.put_user(user.id, Some(user));
        }
        Ok(())
    }

    fn group_insert(&mut self, group: Group) -> Result<(), StoreError> {
        if self.groups.contains_key(&group.id) || self.is_group_name_taken(&group) {
            return Err(error::exists("a group", &group.name));
        }
        self.put_group(group.id, Some(group));
        Ok(())
    }

    fn group_update(&mut self, mut group: Group) -> Result<(), StoreError> {
        let held = self.groups.get(&group.id);
        check_version("group", &group.id, held.map(|held| held.version), group.version)?;
        if self.is_group_name_taken(&group) {
            return Err(error::exists("a group", &group.name));
        }
        group.created_at = held.map_or(group.created_at, |held| held.created_at);
        group.version += 1;
        self.put_group(group.id, Some(group));
        Ok(())
    }

    fn server_update(&mut self, mut server: Server) -> Result<(), StoreError> {
        let held = self.servers.get(&server.name);
        check_version("server", &server.name, held.map(|held| held.version), server.version)?;
        server.created_at = held.map_or(server.created_at, |held| held.created_at);
        server.version += 1;
        self.put_server(&server.name.clone(), Some(server));
        Ok(())
    }

    fn token_insert(&mut self, token: Token) -> Result<(), StoreError> {
        if self.tokens.contains_key(&token.id) || self.digests.contains_key(&token.digest) {
            return Err(error::exists("a token", &token.id));
        }
        self.check_references(&token.groups, Some(token.user))?;
        self.put_token(token.id, Some(token));
        Ok(())
    }

    fn token_update(&mut self, mut token: Token) -> Result<(), StoreError> {
        let held = self.tokens.get(&token.id);
        check_version("token", &token.id, held.map(|held| held.version), token.version)?;
        self.check_references(&token.groups, Some(token.user))?;
        if let Some(held) = held {
            token.family = held.family;
            token.digest = held.digest;
            token.hint = held.hint;
            token.created_at = held.created_at;
            token.created_by.clone_from(&held.created_by);
            token.last_used_at = held.last_used_at;
            token.last_used_ip = held.last_used_ip;
        }
        token.version += 1;
        self.put_token(token.id, Some(token));
        Ok(())
    }

    fn user_insert(&mut self, user: User) -> Result<(), StoreError> {
        if self.users.contains_key(&user.id) || self.is_user_name_taken(&user) {
            return Err(error::exists("a user", &user.name));
        }
        self.check_references(&user.groups, None)?;
        self.put_user(user.id, Some(user));
        Ok(())
    }

    fn user_update(&mut self, mut user: User) -> Result<(), StoreError> {
        let held = self.users.get(&user.id);
        check_version("user", &user.id, held.map(|held| held.version), user.version)?;
        if self.is_user_name_taken(&user) {
            return Err(error::exists("a user", &user.name));
        }
        self.check_references(&user.groups, None)?;
        user.created_at = held.map_or(user.created_at, |held| held.created_at);
        user.version += 1;
        self.put_user(user.id, Some(user));
        Ok(())
    }

    fn is_group_name_taken(&self, group: &Group) -> bool {
        self.groups.values().any(|other| other.name == group.name && other.id != group.id)
    }

    fn is_user_name_taken(&self, user: &User) -> bool {
        self.users.values().any(|other| other.name == user.name && other.id != user.id)
    }

    /// Notes what the running commit replaced.
    pub(super) fn note(&mut self, step: Undo) {
        self.undo.push(step);
    }

    pub(super) fn check_references(
        &self,
        groups: &[GroupId],
        user: Option<UserId>,
    ) -> Result<(), StoreError> {
        let users_known = user.is_none_or(|user| self.users.contains_key(&user));
        if users_known && groups.iter().all(|group| self.groups.contains_key(group)) {
            Ok(())
        } else {
            Err(error::reference())
        }
    }

    fn put_group(&mut self, id: GroupId, group: Option<Group>) {
        let before = put(&mut self.groups, id, group);
        self.undo.push(Undo::Group(id, before));
    }

    fn put_server(&mut self, name: &ServerName, server: Option<Server>) {
        let before = put(&mut self.servers, name.clone(), server);
        self.undo.push(Undo::Server(name.clone(), before));
    }

    fn put_token(&mut self, id: TokenId, token: Option<Token>) {
        let digest = token.as_ref().map(|token| token.digest);
        let before = put(&mut self.tokens, id, token);
        if let Some(before) = &before {
            self.digests.remove(&before.digest);
        }
        if let Some(digest) = digest {
            self.digests.insert(digest, id);
        }
        self.undo.push(Undo::Token(id, before.map(Box::new)));
    }

    fn put_user(&mut self, id: UserId, user: Option<User>) {
        let before = put(&mut self.users, id, user);
        self.undo.push(Undo::User(id, before));
    }

    fn take_back(&mut self, step: Undo) {
        match step {
            Undo::Audit(id) => drop(self.audit.remove(&id)),
            Undo::Creations(before) => self.creations = before,
            Undo::Group(id, before) => self.put_group(id, before),
            Undo::Server(name, before) => self.put_server(&name, before),
            Undo::SignIn(step) => self.sign_ins.take_back(step),
            Undo::Token(id, before) => self.put_token(id, before.map(|token| *token)),
            Undo::User(id, before) => self.put_user(id, before),
        }
    }
}

pub(super) fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: Option<V>) -> Option<V> {
    match value {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    }
}

pub(super) fn check_version(
    what: &str,
    id: &dyn std::fmt::Display,
    held: Option<i64>,
    read: i64,
) -> Result<(), StoreError> {
    match held {
        None => Err(error::missing(what, id)),
        Some(held) if held == read => Ok(()),
        Some(_) => Err(error::conflict(what, id)),
    }
}
