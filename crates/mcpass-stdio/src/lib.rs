//! MCP servers that are child processes, spoken to as if they were Streamable HTTP servers.
//!
//! The gateway's way of a request is written for Streamable HTTP. [`Stdio`] gives a program that
//! speaks MCP over its standard input and output exactly that face, in this process, so that
//! nothing of that way is written twice: requests come in as HTTP requests, and answers go out as
//! JSON or as a stream of events.
//!
//! | module | what it holds |
//! |---|---|
//! | `stdio` | the face: [`Stdio`], [`State`] |
//! | `legacy`, `modern` | what a request means in each era |
//! | `call` | one request on its way to a process and back |
//! | `tools` | arguments of tools that have to stand in headers too: [`Adapted`] |
//! | `traffic` | what is under way with a process, and whom it means by what it says |
//! | `place`, `slot`, `start`, `backoff` | which process, how it is started, when it is tried again |
//! | `process` | a process's pipes, life and end |
//! | `wire`, `queue` | bytes on pipes, and on their way to clients |
//! | `body`, `answers`, `error` | what the face is made of: [`Body`], [`StdioError`] |
//! | `spec` | what is run: [`Spec`] |
//!
//! Bytes pass unharmed: ids and progress tokens are replaced, as clients choose the same ones, and
//! everything else stays as it was sent.
//!
//! A process is in a process group of its own, which is killed when it ends. What leaves the group
//! (`setsid`) survives. If mcpass itself is killed, processes find their standard input closed and
//! end by themselves, as MCP wants; what does not heed that survives, too, since asking the kernel
//! to end it needs a system call that there is no safe way to make.
//!
//! What it does not know: tokens, permissions, limits, the record.

mod answers;
mod backoff;
mod body;
mod call;
mod context;
mod error;
mod legacy;
mod modern;
mod place;
mod process;
mod queue;
mod slot;
mod spec;
mod start;
mod stdio;
mod tools;
mod traffic;
mod wire;

pub use body::Body;
pub use error::StdioError;
pub use spec::Spec;
pub use stdio::{State, Stdio};
pub use tools::Adapted;
