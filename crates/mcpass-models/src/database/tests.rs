//! Tests of all tools together.

mod injection;
mod kill;
mod leaving;
mod refused;
mod secrecy;
mod secrecy_of_writes;
mod writing;
