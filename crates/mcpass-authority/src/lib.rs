//! Use cases: issue, rotate, revoke, users, groups, servers, audit.

pub mod api;
mod leak;
