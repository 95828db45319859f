//! Tests of all tools together.

mod injection;
mod kill;
mod secrecy;
mod secrecy_of_writes;
mod writing;
