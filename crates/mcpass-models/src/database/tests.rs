//! Tests of all tools that read, together.

mod injection;
mod secrecy;
