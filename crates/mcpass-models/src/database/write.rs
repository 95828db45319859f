//! Writing: what the tools that write have in common.
//!
//! | module | what it does |
//! |---|---|
//! | [`work`] | one call's transaction, and the history in it |
//! | [`data`] | reads the argument `data` |
//! | [`create`], [`update`], [`remove`] | write rows |
//! | [`action`] | does a named action |
//! | [`references`], [`links`] | check foreign keys, write lists of links |
//! | [`inlines`] | writes child rows with their parent |
//! | [`expected`] | tells whether a row is still as the caller knows it |
//! | [`faults`] | what the database refused, as faults of fields |
//! | [`image`] | values of a row for the history |
//! | [`answer`] | results that fit the caller's context |

pub(super) mod action;
pub(super) mod answer;
pub(super) mod create;
pub(super) mod data;
mod expected;
mod faults;
mod image;
pub(super) mod inlines;
mod links;
mod references;
pub(super) mod remove;
mod scan;
pub(super) mod update;
pub(super) mod work;

pub(super) use faults::{Faults, of_engine, of_written};
