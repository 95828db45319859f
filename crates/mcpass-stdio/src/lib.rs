//! MCP servers that are child processes, spoken to as if they were Streamable HTTP servers.

mod body;
mod error;
mod queue;
mod spec;
mod stdio;

pub use body::Body;
pub use error::StdioError;
pub use spec::Spec;
pub use stdio::{State, Stdio};
