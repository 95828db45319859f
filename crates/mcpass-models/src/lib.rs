//! Built-in MCP servers: they answer in this process what others answer over a connection.
//!
//! | module | what it holds |
//! |---|---|
//! | [`local`] | [`LocalServer`], what the gateway calls |
//! | [`provider`] | [`Provider`], what a built-in server has to offer: tools, resources, prompts |
//! | [`service`] | [`Service`], which speaks MCP of both eras for a provider |
//! | [`schema`] | checking a tool's arguments against its input schema |
//! | [`database`] | the database server: tables as models with tools |
//! | [`demo`] | the notebook of `mcpass serve --demo` |
//! | [`workspace`] | the product workspace |
//!
//! What it does not know: tokens, limits and the record. The gateway has decided before it calls,
//! and filters the lists that come back as it does those of any other server.

pub mod database;
pub mod demo;
pub mod local;
pub mod provider;
pub mod schema;
pub mod service;
pub mod workspace;

pub use demo::Demo;
pub use local::{Body, BoxFuture, Call, Caller, LocalAnswer, LocalServer};
pub use provider::Provider;
pub use service::Service;
pub use workspace::Workspace;
