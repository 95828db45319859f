//! Which tokens a change of a user or a group reaches, and what becomes of them.

use std::collections::HashMap;
use std::sync::Arc;

use mcpass_domain::{Group, GroupId, Token, TokenId, User};
use mcpass_store::{PageRequest, TokenFilter};

use crate::api::ApiError;
use crate::failure::store_failed;
use crate::hooks::{PublishedToken, Update};
use crate::turn::{Plan, Turn};

/// Tokens that are read at a time.
const PAGE: u32 = 10_000;

impl Turn {
    /// Tells the gateway of the tokens of a user that is about to be as given.
    ///
    /// Computed before the commit, so that after it nothing can go wrong any more.
    pub(crate) async fn publish_user(
        &mut self,
        plan: &mut Plan,
        user: &User,
    ) -> Result<(), ApiError> {
        let store = Arc::clone(&self.core.store);
        self.world.learn_groups(store.as_ref(), &user.groups).await.map_err(store_failed)?;
        self.world.put_user(user);
        let mut found = HashMap::new();
        let filter = TokenFilter { user: Some(user.id), ..TokenFilter::default() };
        self.collect(&filter, &mut found).await?;
        publish(plan, found);
        Ok(())
    }

    /// Tells the gateway of the tokens that have a group that is about to be as given, or to go.
    /// Where tokens are capped to their users, those of users in the group change as well.
    pub(crate) async fn publish_group(
        &mut self,
        plan: &mut Plan,
        id: GroupId,
        group: Option<Group>,
    ) -> Result<(), ApiError> {
        match group {
            Some(group) => self.world.put_group(group),
            None => self.world.remove_group(id),
        }
        let mut found = HashMap::new();
        let filter = TokenFilter { group: Some(id), ..TokenFilter::default() };
        self.collect(&filter, &mut found).await?;
        if self.core.options.cap_to_user {
            let users = self.core.store.user_list().await.map_err(store_failed)?;
            for user in users.iter().filter(|user| user.groups.contains(&id)) {
                let filter = TokenFilter { user: Some(user.id), ..TokenFilter::default() };
                self.collect(&filter, &mut found).await?;
            }
        }
        publish(plan, found);
        Ok(())
    }

    /// Adds the tokens that fit, as they are to be published.
    async fn collect(
        &mut self,
        filter: &TokenFilter,
        found: &mut HashMap<TokenId, PublishedToken>,
    ) -> Result<(), ApiError> {
        let store = Arc::clone(&self.core.store);
        let mut after = None;
        loop {
            let request = PageRequest { after, limit: PAGE };
            let page = store.token_list(filter, &request).await.map_err(store_failed)?;
            self.world.learn_tokens(store.as_ref(), &page.items).await.map_err(store_failed)?;
            found.extend(page.items.iter().map(|token| (token.id, self.published(token))));
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    fn published(&mut self, token: &Token) -> PublishedToken {
        PublishedToken { digest: token.digest, subject: self.world.subject(token) }
    }
}

fn publish(plan: &mut Plan, found: HashMap<TokenId, PublishedToken>) {
    if !found.is_empty() {
        plan.publish(Update::Tokens(found.into_values().collect()));
    }
}
