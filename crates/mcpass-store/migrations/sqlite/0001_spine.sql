-- The first schema: accounts, tokens, servers, the audit log and the access log.
--
-- The same tables, columns and indexes stand in the migration of the other database
-- (tests/schema.rs compares them). Names begin with mcp_, because a PostgreSQL database may be
-- shared with an application. All times are microseconds since the Unix epoch, UTC.
-- Frozen once merged: tests/schema.rs holds its checksum.

CREATE TABLE mcp_users (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    is_active INTEGER NOT NULL,
    is_superuser INTEGER NOT NULL,
    permissions TEXT NOT NULL, -- JSON array
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;

CREATE TABLE mcp_groups (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    permissions TEXT NOT NULL, -- JSON array
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;

CREATE TABLE mcp_user_groups (
    user_id BLOB NOT NULL REFERENCES mcp_users (id) ON DELETE CASCADE,
    group_id BLOB NOT NULL REFERENCES mcp_groups (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    PRIMARY KEY (user_id, group_id)
) STRICT;
CREATE INDEX mcp_user_groups_by_group ON mcp_user_groups (group_id, user_id);

CREATE TABLE mcp_tokens (
    id BLOB NOT NULL PRIMARY KEY,
    family_id BLOB NOT NULL,
    name TEXT NOT NULL,
    user_id BLOB NOT NULL REFERENCES mcp_users (id),
    digest BLOB NOT NULL UNIQUE, -- SHA-256 of the plaintext, 32 bytes
    hint TEXT NOT NULL,
    is_active INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    revoke_reason TEXT,
    rotated_at INTEGER,
    last_used_at INTEGER,
    last_used_ip TEXT,
    permissions TEXT NOT NULL, -- JSON array
    per_minute INTEGER NOT NULL,
    per_hour INTEGER NOT NULL,
    max_context INTEGER NOT NULL,
    rate_limit_style TEXT NOT NULL,
    networks TEXT NOT NULL, -- CIDR list with commas; empty means any
    note TEXT NOT NULL,
    search TEXT NOT NULL, -- hint, name and note in lower case
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX mcp_tokens_by_user ON mcp_tokens (user_id, id);
CREATE INDEX mcp_tokens_by_family ON mcp_tokens (family_id, id);
CREATE INDEX mcp_tokens_by_expiry ON mcp_tokens (expires_at);
CREATE INDEX mcp_tokens_by_last_use ON mcp_tokens (last_used_at);

CREATE TABLE mcp_token_groups (
    token_id BLOB NOT NULL REFERENCES mcp_tokens (id) ON DELETE CASCADE,
    group_id BLOB NOT NULL REFERENCES mcp_groups (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    PRIMARY KEY (token_id, group_id)
) STRICT;
CREATE INDEX mcp_token_groups_by_group ON mcp_token_groups (group_id, token_id);

CREATE TABLE mcp_servers (
    name TEXT NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    settings TEXT NOT NULL, -- JSON object, by kind
    is_enabled INTEGER NOT NULL,
    is_declared INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;

CREATE TABLE mcp_audit_log (
    id BLOB NOT NULL PRIMARY KEY,
    occurred_at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    before_json TEXT,
    after_json TEXT,
    note TEXT NOT NULL
) STRICT;
CREATE INDEX mcp_audit_log_by_object ON mcp_audit_log (object, id);

-- One row for every request. It takes all of them, so it has few indexes: the id leads with the
-- moment of arrival (UUID version 7), so the primary key serves the log by time, and two more
-- serve it by token or server and time. done_seq is the order in which outcomes became known, for
-- followers; rows that wait for theirs are the few where it is NULL. Other texts that are often
-- missing are NULL then.
CREATE TABLE mcp_access_logs (
    id BLOB NOT NULL PRIMARY KEY,
    arrived_at INTEGER NOT NULL,
    surface TEXT NOT NULL, -- mcp, validate
    token_id BLOB,
    family_id BLOB,
    token_name TEXT NOT NULL,
    hint TEXT,
    user_name TEXT NOT NULL,
    remote_ip TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    client_name TEXT,
    client_version TEXT,
    server TEXT NOT NULL,
    method TEXT NOT NULL,
    target_kind TEXT NOT NULL, -- tool, resource, prompt, method, permission, server
    target TEXT NOT NULL,
    decision TEXT NOT NULL
        GENERATED ALWAYS AS (CASE reason WHEN 'allowed' THEN 'allow' ELSE 'deny' END) VIRTUAL,
    reason TEXT NOT NULL,
    detail TEXT,
    cost INTEGER NOT NULL,
    request_bytes INTEGER NOT NULL,
    session TEXT,
    rpc_id TEXT NOT NULL,
    trace_id TEXT,
    arguments TEXT,
    state TEXT NOT NULL, -- done, pending, unknown
    done_seq INTEGER,
    http_status INTEGER,
    rpc_code INTEGER,
    is_error INTEGER,
    failure TEXT,
    response_bytes INTEGER,
    response_chars INTEGER,
    duration_us INTEGER,
    upstream_us INTEGER
) STRICT;
CREATE INDEX mcp_access_logs_by_token ON mcp_access_logs (token_id, id);
CREATE INDEX mcp_access_logs_by_server ON mcp_access_logs (server, id);
CREATE INDEX mcp_access_logs_by_done ON mcp_access_logs (done_seq);

CREATE TABLE mcp_journal_positions (
    journal TEXT NOT NULL PRIMARY KEY,
    segment INTEGER NOT NULL,
    read_offset INTEGER NOT NULL
) STRICT;

-- access_done: the last done_seq that was given out. ledger: how often tokens, accounts or servers
-- were written; who writes them changes this row first, so that writers stand in one line and
-- never wait for each other in a circle. ping: how often somebody asked whether this database can
-- be written.
CREATE TABLE mcp_counters (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
INSERT INTO mcp_counters (name, value) VALUES ('access_done', 0), ('ledger', 0), ('ping', 0);
