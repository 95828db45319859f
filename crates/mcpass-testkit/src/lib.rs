//! What tests need, and what does not belong into the program.
//!
//! | module | what it holds |
//! |---|---|
//! | [`mcpass`] | the real binary on a data folder of its own: server, commands, signals |
//! | [`http1`] | HTTP/1.1 messages as bytes |
//! | [`wire`] | an HTTP/1.1 client that sends exactly the bytes it is told to |
//! | [`upstream`] | a scriptable MCP server that remembers every call and can misbehave |
//! | [`clients`] | third-party MCP clients and a third-party server |
//! | [`browser`] | a real browser, and what a person does and sees with it |
//! | [`visitor`] | somebody at the console who is no browser |
//! | [`django`] | a Django project's database, and Django Admin MCP on it |
//! | [`postgres`] | a PostgreSQL server of the test's own |
//! | [`sqlite()`] | a SQLite database of the test's own |
//! | [`provider`] | an OpenID Connect provider that can lie |
//! | [`eventually`] | waiting for a state instead of for the clock |
//! | [`canary`] | looking for plaintext secrets in files and processes |
//!
//! Everything is bounded in time, listens on loopback alone and ends with the test.

pub mod browser;
pub mod canary;
pub mod clients;
pub mod django;
pub mod eventually;
pub mod http1;
pub mod mcpass;
pub mod postgres;
pub mod provider;
mod sqlite;
pub mod upstream;
pub mod visitor;
pub mod wire;

pub use browser::Browser;
pub use django::{DjangoAdminMcp, Newsroom};
pub use http1::Head;
pub use mcpass::{Issued, Mcpass};
pub use postgres::PrivatePostgres;
pub use provider::{Lie, Provider};
pub use sqlite::sqlite;
pub use upstream::{Behaviour, FakeUpstream, Speaks};
pub use visitor::Visitor;
pub use wire::{Answer, Wire};
