//! Tokens: issuing, changing, ending, looking up.

mod bulk;
mod create;
mod edit;
mod explain;
mod list;
mod rotate;
mod standing;
mod usage;

use std::sync::Arc;

use mcpass_domain::Token;

use crate::api::{
    ApiError, BulkView, CheckPermissions, Explain, Explanation, IssuedToken, Page, PermissionCheck,
    TokenBulk, TokenCount, TokenCountsView, TokenCreate, TokenDetails, TokenEdit, TokenList,
    TokenRef, TokenRevoke, TokenRotate, TokenUsage, TokenView,
};
use crate::authority::Authority;
use crate::authorize::Action;
use crate::context::Context;
use crate::failure::store_failed;
use crate::show;
use crate::turn::Turn;

impl Authority {
    /// Issues a token. Its plaintext is in the answer and nowhere else.
    ///
    /// # Errors
    /// When a field cannot be used, or would give more than the caller has.
    pub async fn token_create(
        &self,
        ctx: &Context,
        request: TokenCreate,
    ) -> Result<IssuedToken, ApiError> {
        self.change(ctx, Action::AddToken, request, |turn, request| {
            Box::pin(create::create(turn, request))
        })
        .await
    }

    /// Lists tokens, newest first.
    ///
    /// # Errors
    /// When a filter cannot be used.
    pub async fn token_list(
        &self,
        ctx: &Context,
        request: TokenList,
    ) -> Result<Page<TokenView>, ApiError> {
        self.read(ctx, Action::ViewToken, request, |turn, request| {
            Box::pin(list::list(turn, request))
        })
        .await
    }

    /// Counts tokens by state.
    ///
    /// # Errors
    /// When a filter cannot be used.
    pub async fn token_counts(
        &self,
        ctx: &Context,
        request: TokenCount,
    ) -> Result<TokenCountsView, ApiError> {
        self.read(ctx, Action::ViewToken, request, |turn, request| {
            Box::pin(list::counts(turn, request))
        })
        .await
    }

    /// What a token has used of its limits at this moment.
    ///
    /// # Errors
    /// When there is no such token.
    pub async fn token_usage(
        &self,
        ctx: &Context,
        request: TokenRef,
    ) -> Result<TokenUsage, ApiError> {
        self.read(ctx, Action::ViewToken, request, |turn, request| {
            Box::pin(usage::usage(turn, request))
        })
        .await
    }

    /// Does the same to many tokens, all of them or none. When this returns, it is in force.
    ///
    /// # Errors
    /// When a field cannot be used, when the caller could not do it to one of them, or when it is
    /// another number of tokens than was expected.
    pub async fn token_bulk(
        &self,
        ctx: &Context,
        request: TokenBulk,
    ) -> Result<BulkView, ApiError> {
        let action = match request.action.as_str() {
            "revoke" => Action::DeleteToken,
            _ => Action::ChangeToken,
        };
        // What is only asked keeps no change waiting.
        if request.dry_run {
            return self
                .read(ctx, action, request, |turn, request| Box::pin(bulk::bulk(turn, request)))
                .await;
        }
        self.change(ctx, action, request, |turn, request| Box::pin(bulk::bulk(turn, request))).await
    }

    /// Shows a token and its family.
    ///
    /// # Errors
    /// When there is no such token.
    pub async fn token_show(
        &self,
        ctx: &Context,
        request: TokenRef,
    ) -> Result<TokenDetails, ApiError> {
        self.read(ctx, Action::ViewToken, request, |turn, request| {
            Box::pin(async move {
                let token = turn.token(&request.id).await?;
                turn.token_details(&token).await
            })
        })
        .await
    }

    /// Changes a token, and its family where that is concerned ([`TokenEdit`] says where).
    ///
    /// # Errors
    /// When the token is revoked, a field cannot be used, or would give more than the caller has.
    pub async fn token_edit(
        &self,
        ctx: &Context,
        request: TokenEdit,
    ) -> Result<TokenDetails, ApiError> {
        self.change(ctx, Action::ChangeToken, request, |turn, request| {
            Box::pin(edit::edit(turn, request))
        })
        .await
    }

    /// Issues the next secret of a token's family ([`TokenRotate`] says how long each lives).
    ///
    /// # Errors
    /// When the token is not active, or a rotation of its family is not over yet.
    pub async fn token_rotate(
        &self,
        ctx: &Context,
        request: TokenRotate,
    ) -> Result<IssuedToken, ApiError> {
        self.change(ctx, Action::ChangeToken, request, |turn, request| {
            Box::pin(rotate::rotate(turn, request))
        })
        .await
    }

    /// Switches a token off. Does nothing to one that is off.
    ///
    /// # Errors
    /// When it is revoked or expired.
    pub async fn token_disable(
        &self,
        ctx: &Context,
        request: TokenRef,
    ) -> Result<TokenDetails, ApiError> {
        self.change(ctx, Action::ChangeToken, request, |turn, request| {
            Box::pin(standing::switch(turn, &request.id, false))
        })
        .await
    }

    /// Switches a token on again. Does nothing to one that is on.
    ///
    /// # Errors
    /// When it is revoked or expired, or can do more than the caller.
    pub async fn token_enable(
        &self,
        ctx: &Context,
        request: TokenRef,
    ) -> Result<TokenDetails, ApiError> {
        self.change(ctx, Action::ChangeToken, request, |turn, request| {
            Box::pin(standing::switch(turn, &request.id, true))
        })
        .await
    }

    /// Ends a token for good. When this returns, it is refused. Revoking a revoked token changes
    /// nothing, not even the reason.
    ///
    /// # Errors
    /// When there is no such token.
    pub async fn token_revoke(
        &self,
        ctx: &Context,
        request: TokenRevoke,
    ) -> Result<TokenDetails, ApiError> {
        self.change(ctx, Action::DeleteToken, request, |turn, request| {
            Box::pin(standing::revoke(turn, request))
        })
        .await
    }

    /// Says why a token may do something or not. Counts nothing and is not logged.
    ///
    /// # Errors
    /// When there is no such token, or the question makes no sense.
    pub async fn explain(&self, ctx: &Context, request: Explain) -> Result<Explanation, ApiError> {
        self.read(ctx, Action::ViewToken, request, |turn, request| {
            Box::pin(explain::explain(turn, request))
        })
        .await
    }

    /// Answers several permissions of a token at once.
    ///
    /// # Errors
    /// As [`Authority::explain`].
    pub async fn check_permissions(
        &self,
        ctx: &Context,
        request: CheckPermissions,
    ) -> Result<PermissionCheck, ApiError> {
        self.read(ctx, Action::ViewToken, request, |turn, request| {
            Box::pin(explain::check(turn, request))
        })
        .await
    }
}

impl Turn {
    /// A token and its family as they are shown.
    async fn token_details(&mut self, token: &Token) -> Result<TokenDetails, ApiError> {
        let store = Arc::clone(&self.core.store);
        let family = store.token_families(&[token.family]).await.map_err(store_failed)?;
        self.world.learn_tokens(store.as_ref(), &family).await.map_err(store_failed)?;
        Ok(TokenDetails {
            id: token.id,
            facts: show::token_facts(&mut self.world, token, self.now),
            family_members: family
                .iter()
                .map(|member| show::family_member(member, self.now))
                .collect(),
        })
    }

    /// Fetches what is needed to resolve and show these tokens.
    async fn learn(&mut self, tokens: &[Token]) -> Result<(), ApiError> {
        let store = Arc::clone(&self.core.store);
        self.world.learn_tokens(store.as_ref(), tokens).await.map_err(store_failed)
    }
}
