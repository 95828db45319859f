//! The way of a request: from a token to an upstream and back.
//!
//! One thread per core, each with a runtime, upstream connections and a journal of its own; a
//! call stays on its thread from the first byte to the last. What a decision needs is in memory
//! ([`index`], [`upstream`]) and is changed by whoever owns it, through [`Gateway`]. This crate
//! knows neither the store nor the authority.
//!
//! | module | what it holds |
//! |---|---|
//! | [`mcp`] | the phases of ARCHITECTURE.md, in their order: the heart |
//! | [`answer`] | the one place where a decision becomes an answer |
//! | [`trail`] | the one place where a request is recorded |
//! | [`dispatch`], [`link`], [`relay`] | to an upstream, and what comes back |
//! | [`aggregate`] | `/mcp`: all servers behind one endpoint |
//! | [`manage`] | `/api/v1`: who asks, and the record of it |
//! | [`validate`] | `POST /rpc/validate_mcp_token` |
//! | [`origin`], [`cors`] | which hosts and pages are ours, and what pages may read |
//! | [`index`], [`sessions`], [`streams`] | tokens and what they use, hold and keep open |
//! | [`inventory`] | what servers list, for management |
//! | [`upstream`], [`catalogue`] | servers and what their tools say of themselves |
//! | [`listener`] | sockets, threads, shutdown |

mod activity;
pub mod aggregate;
pub mod answer;
pub mod body;
pub mod catalogue;
pub mod config;
pub mod cors;
pub mod dispatch;
pub mod index;
pub mod inventory;
pub mod link;
pub mod listener;
pub mod manage;
pub mod mcp;
pub mod metrics;
pub mod origin;
pub mod questions;
pub mod read;
pub mod relay;
pub mod sessions;
pub mod shared;
pub mod streams;
mod strip;
pub mod trail;
pub mod upstream;
pub mod validate;

pub use config::Config;
pub use listener::{Gateway, Parts, StartError};
pub use shared::{Elsewhere, Shared};
