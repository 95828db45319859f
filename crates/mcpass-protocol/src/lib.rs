//! JSON-RPC, MCP and SSE over borrowed bytes.
//!
//! Nothing here does I/O or waits, and nothing decodes a message into a typed model: a typed round
//! trip loses unknown fields, key order and big numbers. A message is read once for what decides,
//! and what must change in it is spliced into the bytes that were sent.
//!
//! | module | what it holds |
//! |---|---|
//! | [`envelope`] | one message from a client: [`Message`] |
//! | [`methods`] | what each MCP method aims at and how it is treated: [`Method`], [`Aim`] |
//! | [`headers`] | protocol revisions, [`Era`] and the check of headers against the body |
//! | [`params`] | arguments of tools that are mirrored into headers: [`Mirror`] |
//! | [`reply`] | error codes, [`Fault`], the bytes of our own answers and their [`Gist`] |
//! | [`answer`] | one message from an upstream: [`Answer`] |
//! | [`list`] | filtering, renaming and merging of lists: [`List`] |
//! | [`splice`] | changing one value of a message and nothing else |
//! | [`sse`] | event streams with their exact bytes |
//! | [`text`] | JSON as text: quoted, indented, without spaces |
//!
//! What it does not know: tokens, permissions, limits, connections.

pub mod answer;
pub mod envelope;
pub mod headers;
mod json;
pub mod list;
pub mod methods;
pub mod params;
pub mod reply;
pub mod splice;
pub mod sse;
pub mod text;

pub use answer::Answer;
pub use envelope::{EnvelopeError, Kind, Message, Reference};
pub use headers::Era;
pub use list::{Item, List, ListKind};
pub use methods::{Aim, Method};
pub use params::Mirror;
pub use reply::{Fault, Gist, GistOf};
