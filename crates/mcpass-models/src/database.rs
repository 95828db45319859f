//! The database server: tables of a SQLite or PostgreSQL database as models with tools.
//!
//! | module | what it holds |
//! |---|---|
//! | [`model`] | what a database holds: models, fields, relations. No I/O |
//! | [`inspect`] | reading that from a live database |
//! | [`settings`] | what an operator says about it |
//! | [`scope`] | row scopes |
//! | [`access`] | the one place that decides what a caller may do |
//! | [`sql`] | the one place that writes SQL |
//! | [`engine`] | statements on a live database |
//! | [`errors`] | what tools answer when they cannot do it |

pub mod access;
pub mod engine;
pub mod errors;
pub mod inspect;
pub mod model;
pub mod scope;
pub mod settings;
pub mod sql;
