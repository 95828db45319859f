//! The workspace on the store in memory, as the gateway calls it.

mod answers;
mod day;
mod harness;
mod pages;
mod refusals;
mod shape;
