//! Users and groups as tokens need them, and tokens resolved against them.

use std::collections::HashMap;
use std::sync::Arc;

use mcpass_domain::permission::Grant;
use mcpass_domain::{Grants, Group, GroupId, Permission, Source, Subject, Token, User, UserId};
use mcpass_store::{Store, StoreError};

/// What is known of users and groups, fetched as it is needed.
///
/// Grants and names are shared between all tokens that have the same, because a million tokens
/// usually have a handful.
#[derive(Debug)]
pub(crate) struct World {
    cap_to_user: bool,
    users: HashMap<UserId, KnownUser>,
    groups: HashMap<GroupId, Option<Arc<Group>>>,
    interned: HashMap<Vec<GroupId>, HashMap<Vec<Permission>, Arc<Grants>>>,
}

#[derive(Clone, Debug)]
struct KnownUser {
    name: Arc<str>,
    is_active: bool,
    cap: Option<Arc<Grants>>,
}

impl World {
    pub(crate) fn new(cap_to_user: bool) -> Self {
        Self {
            cap_to_user,
            users: HashMap::new(),
            groups: HashMap::new(),
            interned: HashMap::new(),
        }
    }

    /// Everything there is, for going through all tokens.
    pub(crate) async fn complete(cap_to_user: bool, store: &dyn Store) -> Result<Self, StoreError> {
        let mut world = Self::new(cap_to_user);
        for group in store.group_list().await? {
            world.put_group(group);
        }
        for user in store.user_list().await? {
            world.put_user(&user);
        }
        Ok(world)
    }

    /// Fetches what these tokens need and is not known yet.
    pub(crate) async fn learn_tokens(
        &mut self,
        store: &dyn Store,
        tokens: &[Token],
    ) -> Result<(), StoreError> {
        for token in tokens {
            self.learn_groups(store, &token.groups).await?;
            if !self.users.contains_key(&token.user)
                && let Some(user) = store.user_find(token.user).await?
            {
                self.learn_groups(store, &user.groups).await?;
                self.put_user(&user);
            }
        }
        Ok(())
    }

    /// Fetches these groups where they are not known yet.
    pub(crate) async fn learn_groups(
        &mut self,
        store: &dyn Store,
        groups: &[GroupId],
    ) -> Result<(), StoreError> {
        for id in groups {
            if !self.groups.contains_key(id) {
                let group = store.group_find(*id).await?.map(Arc::new);
                self.groups.insert(*id, group);
            }
        }
        Ok(())
    }

    /// Takes a user as it is, or is about to be. Its groups have to be known.
    pub(crate) fn put_user(&mut self, user: &User) {
        let grants = self.grants(&user.permissions, &user.groups);
        // A superuser may do everything and so caps nothing.
        let cap = (self.cap_to_user && !user.is_superuser).then_some(grants);
        let known = KnownUser { name: user.name.as_str().into(), is_active: user.is_active, cap };
        self.users.insert(user.id, known);
    }

    /// Takes a group as it is, or is about to be.
    pub(crate) fn put_group(&mut self, group: Group) {
        self.forget_resolved();
        self.groups.insert(group.id, Some(Arc::new(group)));
    }

    /// Takes note that a group is about to go.
    pub(crate) fn remove_group(&mut self, id: GroupId) {
        self.forget_resolved();
        self.groups.insert(id, None);
    }

    /// What was made of a group that changes: grants, and the caps of users.
    fn forget_resolved(&mut self) {
        self.interned.clear();
        self.users.clear();
    }

    /// These permissions and those of these groups, as far as the groups are known.
    pub(crate) fn grants(&mut self, permissions: &[Permission], groups: &[GroupId]) -> Arc<Grants> {
        if let Some(known) = self.interned.get(groups).and_then(|same| same.get(permissions)) {
            return Arc::clone(known);
        }
        let own = permissions
            .iter()
            .map(|permission| Grant { permission: permission.clone(), source: Source::Own });
        let of_groups = groups.iter().filter_map(|id| self.groups.get(id)?.as_ref());
        let of_groups = of_groups.flat_map(|group| {
            group.permissions.iter().map(|permission| Grant {
                permission: permission.clone(),
                source: Source::Group(group.name.as_str().to_owned()),
            })
        });
        let grants = Arc::new(Grants::new(own.chain(of_groups)));
        let same = self.interned.entry(groups.to_vec()).or_default();
        same.insert(permissions.to_vec(), Arc::clone(&grants));
        grants
    }

    /// The names of these groups, as far as they are known, in the order of the names.
    pub(crate) fn group_names(&self, groups: &[GroupId]) -> Vec<String> {
        let known = groups.iter().filter_map(|id| self.groups.get(id)?.as_ref());
        let mut names: Vec<_> = known.map(|group| group.name.as_str().to_owned()).collect();
        names.sort_unstable();
        names
    }

    /// A token as decisions need it. A token whose user is not known is as one whose user is not
    /// active.
    pub(crate) fn subject(&mut self, token: &Token) -> Arc<Subject> {
        let grants = self.grants(&token.permissions, &token.groups);
        let owner = self.users.get(&token.user);
        Arc::new(Subject {
            token: token.id,
            family: token.family,
            name: token.name.as_str().into(),
            user: owner.map_or_else(|| "".into(), |owner| Arc::clone(&owner.name)),
            hint: token.hint,
            is_revoked: token.revocation.is_some(),
            is_active: token.is_active,
            expires_at: token.expires_at,
            owner_is_active: owner.is_some_and(|owner| owner.is_active),
            networks: token.networks.clone(),
            grants,
            cap: owner.and_then(|owner| owner.cap.clone()),
            limits: token.limits,
            rate_limit_style: token.rate_limit_style,
        })
    }
}
