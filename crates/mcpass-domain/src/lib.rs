//! The words of mcpass and the rules between them: tokens, permissions, limits, decisions.
//!
//! Everything here is a pure function of its arguments. There is no I/O, no async, no JSON value
//! and no hidden clock: time and randomness come in through [`Clock`] and [`Entropy`].
//!
//! | module | what it holds |
//! |---|---|
//! | [`time`] | [`Timestamp`], the [`Clock`] and [`Entropy`] traits and their real and manual forms |
//! | [`id`] | typed ids with a stable textual form |
//! | [`secret`], [`redact`] | the token's format, checksum, digest and hint; finding tokens in texts |
//! | [`template`] | references to credentials in texts: `${env:NAME}`, `${file:PATH}` |
//! | [`permission`] | permissions, targets, annotation classes and the matching of one against the other |
//! | [`limit`] | limits of a token and the exact sliding-window limiter |
//! | [`network`] | CIDR lists |
//! | [`token`], [`account`], [`server`] | what is stored: tokens, users and groups, servers |
//! | [`decision`] | the phases of one decision, as types that can only be had in their order |
//! | [`access`] | one request as the access log knows it |
//! | [`audit`] | one change as the audit log knows it |
//! | [`sign_in`] | how people sign in: passwords, second factors, sessions, one-time links |
//! | [`unseen`] | characters that nobody sees, and where they deceive |
//! | [`workspace`] | the product workspace: its items, their statuses and the moves between them |

pub mod access;
pub mod account;
pub mod audit;
pub mod decision;
pub mod id;
pub mod limit;
pub mod network;
pub mod permission;
pub mod redact;
pub mod secret;
pub mod server;
pub mod sign_in;
pub mod template;
pub mod time;
pub mod token;
pub mod unseen;
pub mod workspace;

pub use access::{AccessRow, Admission, Outcome, RowState, Surface};
pub use account::{Group, GroupName, User, UserName};
pub use audit::{Actor, AuditEvent};
pub use decision::{Admitted, Denial, Permit, Permitted, Reason, Subject};
pub use id::{AuditId, EventId, FamilyId, GroupId, RequestId, SessionId, TokenId, UserId};
pub use limit::{Exceeded, Limiter, Limits, Usage, Window};
pub use network::CidrList;
pub use permission::{Ask, Grants, Permission, Source, Target, ToolClass};
pub use secret::{Hint, TokenDigest, TokenSecret};
pub use server::{
    DatabaseServer, Server, ServerKind, ServerName, ToolNames, ToolsForm, WorkspaceSettings,
};
pub use sign_in::{
    Credentials, LinkPurpose, OneTimeLink, Password, PasswordHash, SecretDigest, Session,
    SignInMethod, SignInSecret, Totp, TotpKey,
};
pub use time::{
    Clock, Entropy, ManualClock, Monotonic, OsEntropy, SeededEntropy, SystemClock, Timestamp,
};
pub use token::{RateLimitStyle, Revocation, Token, TokenName, TokenState};
