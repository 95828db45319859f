//! The authority's use cases through its public face, each on the in-memory store and on SQLite.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's exception for tests does not reach their helpers"
)]

mod bulk;
mod control;
mod escalation;
mod guards;
mod harness;
mod logs;
mod looking;
mod management;
mod model;
mod own;
mod people;
mod provider;
mod publishing;
mod second_factor;
mod secrets;
mod server_kinds;
mod servers;
mod sessions;
mod sign_in;
mod sign_in_links;
mod tokens;
