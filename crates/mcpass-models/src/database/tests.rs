//! Tests of all tools together.

mod injection;
mod kill;
mod leaving;
mod secrecy;
mod secrecy_of_writes;
mod writing;
