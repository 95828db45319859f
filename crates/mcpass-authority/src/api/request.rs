//! What can be asked for.
//!
//! In every list, an absent filter does not filter. In every edit, an absent field stays as it
//! is; `permissions` and `groups` replace what was there, `add_…` and `remove_…` change it.

macro_rules! requests {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $kind,)*
        }
    )*};
}

mod logs;
mod people;
mod servers;
mod tokens;

pub use logs::{AuditList, LogFilter, LogList, LogShow, LogTail};
pub use people::{
    GroupCreate, GroupEdit, GroupRef, SessionRef, SessionsEnd, UserCreate, UserEdit, UserRef,
    UserResetLink,
};
pub use servers::{DatabaseEdit, ServerAdd, ServerEdit, ServerRef, ServerTools};
pub use tokens::{
    CheckPermissions, Explain, Preview, TokenBulk, TokenCount, TokenCreate, TokenEdit, TokenList,
    TokenMatch, TokenRef, TokenRevoke, TokenRotate,
};
