//! What can be asked for about servers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

requests! {
    /// Asks for the tools of a server.
    ServerTools {
        /// Its name.
        name: String,
        /// Whether to ask the server now. Else what was heard within half a minute will do.
        #[serde(default)] fresh: bool,
    }

    /// Adds a server: one with a `url` (Streamable HTTP), or one with a `command` (stdio).
    ///
    /// Credentials are references: `${env:NAME}` or `${file:PATH}`, as the server process sees
    /// them. Paths are absolute.
    ServerAdd {
        /// Its name: `[a-z][a-z0-9_-]{0,31}` without `__`.
        name: String,
        /// Its MCP endpoint, `http://` or `https://`.
        #[serde(default)] url: Option<String>,
        /// Headers sent with each request: `Bearer ${env:NAME}`.
        #[serde(default)] headers: BTreeMap<String, String>,
        /// How long connecting may take: `5s` if absent.
        #[serde(default)] connect_timeout: Option<String>,
        /// How long the first byte of an answer may take: `2m` if absent.
        #[serde(default)] first_byte_timeout: Option<String>,
        /// Connections at most: 4096 if absent.
        #[serde(default)] max_connections: Option<u32>,
        /// File of the certificate authorities to trust instead of the operating system's (PEM).
        #[serde(default)] ca_file: Option<String>,
        /// File of mcpass's own certificate (PEM), for a server that asks for one.
        #[serde(default)] client_certificate: Option<String>,
        /// File of its private key (PEM).
        #[serde(default)] client_key: Option<String>,
        /// A program that speaks MCP on its standard input and output, and its arguments.
        #[serde(default)] command: Vec<String>,
        /// Variables of its environment, with references for credentials. It gets these and a few
        /// harmless ones.
        #[serde(default)] environment: BTreeMap<String, String>,
        /// Where it runs; where mcpass does if absent.
        #[serde(default)] folder: Option<String>,
        /// Whether each token gets a process of its own.
        #[serde(default)] per_token: bool,
        /// How long it may take until it answers its first message: `30s` if absent.
        #[serde(default)] start_timeout: Option<String>,
        /// How long the first message of an answer may take: `2m` if absent.
        #[serde(default)] answer_timeout: Option<String>,
        /// A process that nobody used for so long is ended: `10m` if absent, or `never`.
        #[serde(default)] idle: Option<String>,
        /// Whether it is a product workspace, in mcpass's own database.
        #[serde(default)] workspace: bool,
        /// How its tools are listed: `underscore` if absent, or `slash`.
        #[serde(default)] tool_names: Option<String>,
        /// A database whose tables become tools: `sqlite:/path` or `postgres://…`, with references
        /// for credentials.
        #[serde(default)] database: Option<String>,
        /// How a database is offered.
        #[serde(default)] offer: DatabaseEdit,
    }

    /// How a database is offered. What is absent stays, or is as usual.
    DatabaseEdit {
        /// Namespaces of permissions: the server's name or a Django project's apps if absent.
        #[serde(default)] apps: Option<Vec<String>>,
        /// `full` (tools for each model) or `compact` (the model is an argument).
        #[serde(default)] tools: Option<String>,
        /// Whether changes are recorded in a table `mcpass_history` of that database.
        #[serde(default)] with_history: Option<bool>,
        /// Whether nothing is ever written.
        #[serde(default)] read_only: Option<bool>,
        /// Whether models of which nothing is said are offered: true if absent.
        #[serde(default)] expose: Option<bool>,
        /// How long a statement may take: `5s` if absent.
        #[serde(default)] statement_timeout: Option<String>,
        /// Rows of a list at most: 1000 if absent.
        #[serde(default)] max_rows: Option<u32>,
        /// Bytes of the rows of one statement at most: 16 MiB if absent.
        #[serde(default)] max_bytes: Option<u64>,
        /// Connections for reads, and on PostgreSQL as many for writes: 8 if absent.
        #[serde(default)] pool: Option<u32>,
        /// PostgreSQL schemas that are looked into: those of the search path if empty.
        #[serde(default)] schemas: Option<Vec<String>>,
        /// What is said of single models: a JSON object of their settings, by their names.
        #[serde(default)] models: Option<String>,
    }

    /// Names a server.
    ServerRef {
        /// Its name.
        name: String,
    }

    /// Changes a server that the configuration file does not declare. Its kind stays, and each
    /// field has to be one of that kind. An empty path removes it.
    ServerEdit {
        /// Its name, which cannot change: permissions hold it.
        name: String,
        /// Another endpoint.
        #[serde(default)] url: Option<String>,
        /// These headers as well, or instead of those of the same name.
        #[serde(default)] set_headers: BTreeMap<String, String>,
        /// Not these headers any more.
        #[serde(default)] remove_headers: Vec<String>,
        /// How long connecting may take.
        #[serde(default)] connect_timeout: Option<String>,
        /// How long the first byte of an answer may take.
        #[serde(default)] first_byte_timeout: Option<String>,
        /// Connections at most.
        #[serde(default)] max_connections: Option<u32>,
        /// Another file of certificate authorities.
        #[serde(default)] ca_file: Option<String>,
        /// Another file of mcpass's own certificate.
        #[serde(default)] client_certificate: Option<String>,
        /// Another file of its private key.
        #[serde(default)] client_key: Option<String>,
        /// Another program with its arguments.
        #[serde(default)] command: Vec<String>,
        /// These variables as well, or instead of those of the same name.
        #[serde(default)] set_environment: BTreeMap<String, String>,
        /// Not these variables any more.
        #[serde(default)] remove_environment: Vec<String>,
        /// Where it runs.
        #[serde(default)] folder: Option<String>,
        /// Whether each token gets a process of its own.
        #[serde(default)] per_token: Option<bool>,
        /// How long it may take until it answers its first message.
        #[serde(default)] start_timeout: Option<String>,
        /// How long the first message of an answer may take.
        #[serde(default)] answer_timeout: Option<String>,
        /// A process that nobody used for so long is ended, or `never`.
        #[serde(default)] idle: Option<String>,
        /// How a workspace lists its tools: `underscore` or `slash`.
        #[serde(default)] tool_names: Option<String>,
        /// Another database.
        #[serde(default)] database: Option<String>,
        /// How a database is offered.
        #[serde(default)] offer: DatabaseEdit,
    }
}
