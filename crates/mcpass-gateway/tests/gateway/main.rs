//! The whole gateway, in front of upstreams that behave and upstreams that do not, with its
//! journal read back after every request.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod aggregate;
mod aggregate_sessions;
mod aggregate_slow;
mod aggregate_streams;
mod bodies;
mod breaker;
mod context;
mod cors;
mod eras;
mod harness;
mod identify;
mod inventory;
mod limits;
mod lists;
mod lying;
mod nothing_lost;
mod pools;
mod questions;
mod record;
mod scripted;
mod secure;
mod sessions;
mod shutdown;
mod standing;
mod streams;
mod talking;
mod tls;
mod upstreams;
mod validate;
