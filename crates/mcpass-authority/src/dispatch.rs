//! One entrance for requests that come as data: from the CLI, the control socket, the API.

use crate::api::{ApiError, Reply, Request};
use crate::authority::Authority;
use crate::context::Context;

impl Authority {
    /// Does what a request asks for.
    ///
    /// # Errors
    /// Those of the use case.
    pub async fn handle(&self, ctx: &Context, request: Request) -> Result<Reply, ApiError> {
        use Request as R;
        Ok(match request {
            R::AuditList(request) => Reply::Audit(self.audit_list(ctx, request).await?),
            R::CheckPermissions(request) => {
                Reply::Permissions(self.check_permissions(ctx, request).await?)
            }
            R::Explain(request) => Reply::Explanation(self.explain(ctx, request).await?),
            R::GroupCreate(request) => Reply::Group(self.group_create(ctx, request).await?),
            R::GroupDelete(request) => Reply::Group(self.group_delete(ctx, request).await?),
            R::GroupEdit(request) => Reply::Group(self.group_edit(ctx, request).await?),
            R::GroupList => Reply::Groups(self.group_list(ctx).await?),
            R::GroupShow(request) => Reply::Group(self.group_show(ctx, request).await?),
            R::LogList(request) => Reply::Log(self.log_list(ctx, request).await?),
            R::LogShow(request) => Reply::LogRow(Box::new(self.log_show(ctx, request).await?)),
            R::LogTail(request) => Reply::LogTail(self.log_tail(ctx, request).await?),
            R::ServerAdd(request) => Reply::Server(self.server_add(ctx, request).await?),
            R::ServerDisable(request) => Reply::Server(self.server_disable(ctx, request).await?),
            R::ServerEdit(request) => Reply::Server(self.server_edit(ctx, request).await?),
            R::ServerEnable(request) => Reply::Server(self.server_enable(ctx, request).await?),
            R::ServerList => Reply::Servers(self.server_list(ctx).await?),
            R::ServerRemove(request) => Reply::Server(self.server_remove(ctx, request).await?),
            R::ServerShow(request) => Reply::Server(self.server_show(ctx, request).await?),
            R::SessionEnd(request) => Reply::Session(self.session_end(ctx, request).await?),
            R::SessionList(request) => Reply::Sessions(self.session_list(ctx, request).await?),
            R::SessionsEnd(request) => Reply::Sessions(self.sessions_end_all(ctx, request).await?),
            R::Status => Reply::Status(self.status(ctx).await?),
            R::TokenCreate(request) => {
                Reply::Issued(Box::new(self.token_create(ctx, request).await?))
            }
            R::TokenDisable(request) => {
                Reply::Token(Box::new(self.token_disable(ctx, request).await?))
            }
            R::TokenEdit(request) => Reply::Token(Box::new(self.token_edit(ctx, request).await?)),
            R::TokenEnable(request) => {
                Reply::Token(Box::new(self.token_enable(ctx, request).await?))
            }
            R::TokenList(request) => Reply::Tokens(self.token_list(ctx, request).await?),
            R::TokenRevoke(request) => {
                Reply::Token(Box::new(self.token_revoke(ctx, request).await?))
            }
            R::TokenRotate(request) => {
                Reply::Issued(Box::new(self.token_rotate(ctx, request).await?))
            }
            R::TokenShow(request) => Reply::Token(Box::new(self.token_show(ctx, request).await?)),
            R::UserCreate(request) => Reply::User(self.user_create(ctx, request).await?),
            R::UserEdit(request) => Reply::User(self.user_edit(ctx, request).await?),
            R::UserInvite(request) => Reply::Link(self.user_invite(ctx, request).await?),
            R::UserList => Reply::Users(self.user_list(ctx).await?),
            R::UserResetLink(request) => Reply::Link(self.password_reset_link(ctx, request).await?),
            R::UserShow(request) => Reply::User(self.user_show(ctx, request).await?),
        })
    }
}
