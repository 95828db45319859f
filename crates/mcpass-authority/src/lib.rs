//! Use cases: issue, rotate, revoke, users, groups, servers, logs.
//!
//! [`Authority`] has one method for each, and [`Authority::handle`] for requests that come as
//! data. Every one of them takes the caller's [`Context`] first and goes the same way: it is
//! authorized in one place (`authorize`), reads, checks what the caller may give away, commits
//! its changes with their audit rows in one transaction, and then tells the gateway through a
//! [`Publisher`], so that a change is in force when the method returns. A turn of work
//! (`turn`) is the only way to a commit.
//!
//! It does not know how requests are decided (that is the gateway, over `mcpass_domain`), how
//! anything is stored, or how the command line and the API look.
//!
//! | module | what it holds |
//! |---|---|
//! | [`api`] | requests, replies and errors as data |
//! | [`control`] | the control socket: how a command reaches the server that runs |
//! | [`loader`] | the access log's way from the journals into the store |
//! | [`servers`] | what may be said of a server, and those that the configuration declares |
//! | [`sign_in`] | passwords, second factors, sessions and one-time links |
//! | [`when`] | times as people write them |

pub mod api;
pub mod control;
pub mod loader;
pub mod servers;
pub mod sign_in;
pub mod when;

mod affected;
mod authority;
mod authorize;
mod catalogue;
mod context;
mod dispatch;
mod edition;
mod failure;
mod groups;
mod hooks;
mod logs;
mod parse;
mod show;
mod tokens;
mod turn;
mod users;
mod whoami;
mod world;

pub use authority::Authority;
pub use context::Context;
pub use hooks::{
    DatabaseFound, DatabaseProbe, DatabaseRefused, Inventory, KnownTool, LogFlush, NoGateway,
    OpenNow, Options, PublishedToken, Publisher, ServerHealth, Update,
};
