-- The first schema: accounts, tokens, servers, the audit log and the access log.
--
-- The same tables, columns and indexes stand in the migration of the other database
-- (tests/schema.rs compares them). Names begin with mcp_, because a PostgreSQL database may be
-- shared with an application. All times are microseconds since the Unix epoch, UTC.
-- COLLATE "C" sorts by bytes, as SQLite does, whatever the locale; where order matters.
-- Frozen once merged: tests/schema.rs holds its checksum.

CREATE TABLE mcp_users (
    id BYTEA NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    is_active BOOLEAN NOT NULL,
    is_superuser BOOLEAN NOT NULL,
    permissions TEXT NOT NULL, -- JSON array
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE mcp_groups (
    id BYTEA NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    permissions TEXT NOT NULL, -- JSON array
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE mcp_user_groups (
    user_id BYTEA NOT NULL REFERENCES mcp_users (id) ON DELETE CASCADE,
    group_id BYTEA NOT NULL REFERENCES mcp_groups (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    PRIMARY KEY (user_id, group_id)
);
CREATE INDEX mcp_user_groups_by_group ON mcp_user_groups (group_id, user_id);

CREATE TABLE mcp_tokens (
    id BYTEA NOT NULL PRIMARY KEY,
    family_id BYTEA NOT NULL,
    name TEXT NOT NULL,
    user_id BYTEA NOT NULL REFERENCES mcp_users (id),
    digest BYTEA NOT NULL UNIQUE, -- SHA-256 of the plaintext, 32 bytes
    hint TEXT NOT NULL,
    is_active BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    revoke_reason TEXT,
    rotated_at BIGINT,
    last_used_at BIGINT,
    last_used_ip TEXT,
    permissions TEXT NOT NULL, -- JSON array
    per_minute BIGINT NOT NULL,
    per_hour BIGINT NOT NULL,
    max_context BIGINT NOT NULL,
    rate_limit_style TEXT NOT NULL,
    networks TEXT NOT NULL, -- CIDR list with commas; empty means any
    note TEXT NOT NULL,
    search TEXT NOT NULL, -- hint, name and note in lower case
    version BIGINT NOT NULL
);
CREATE INDEX mcp_tokens_by_user ON mcp_tokens (user_id, id);
CREATE INDEX mcp_tokens_by_family ON mcp_tokens (family_id, id);
CREATE INDEX mcp_tokens_by_expiry ON mcp_tokens (expires_at);
CREATE INDEX mcp_tokens_by_last_use ON mcp_tokens (last_used_at);

CREATE TABLE mcp_token_groups (
    token_id BYTEA NOT NULL REFERENCES mcp_tokens (id) ON DELETE CASCADE,
    group_id BYTEA NOT NULL REFERENCES mcp_groups (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    PRIMARY KEY (token_id, group_id)
);
CREATE INDEX mcp_token_groups_by_group ON mcp_token_groups (group_id, token_id);

CREATE TABLE mcp_servers (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    settings TEXT NOT NULL, -- JSON object, by kind
    is_enabled BOOLEAN NOT NULL,
    is_declared BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    version BIGINT NOT NULL
);

CREATE TABLE mcp_audit_log (
    id BYTEA NOT NULL PRIMARY KEY,
    occurred_at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    origin TEXT NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    object TEXT NOT NULL,
    before_json TEXT,
    after_json TEXT,
    note TEXT NOT NULL
);
CREATE INDEX mcp_audit_log_by_object ON mcp_audit_log (object, id);

-- One row for every request. It takes all of them, so it has few indexes: the id leads with the
-- moment of arrival (UUID version 7), so the primary key serves the log by time, and two more
-- serve it by token or server and time. done_seq is the order in which outcomes became known, for
-- followers; rows that wait for theirs are the few where it is NULL. Other texts that are often
-- missing are NULL then.
CREATE TABLE mcp_access_logs (
    id BYTEA NOT NULL PRIMARY KEY,
    arrived_at BIGINT NOT NULL,
    surface TEXT NOT NULL, -- mcp, validate
    token_id BYTEA,
    family_id BYTEA,
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
        GENERATED ALWAYS AS (CASE reason WHEN 'allowed' THEN 'allow' ELSE 'deny' END) STORED,
    reason TEXT NOT NULL,
    detail TEXT,
    cost BIGINT NOT NULL,
    request_bytes BIGINT NOT NULL,
    session TEXT,
    rpc_id TEXT NOT NULL,
    trace_id TEXT,
    arguments TEXT,
    state TEXT NOT NULL, -- done, pending, unknown
    done_seq BIGINT,
    http_status BIGINT,
    rpc_code BIGINT,
    is_error BOOLEAN,
    failure TEXT,
    response_bytes BIGINT,
    response_chars BIGINT,
    duration_us BIGINT,
    upstream_us BIGINT
);
CREATE INDEX mcp_access_logs_by_token ON mcp_access_logs (token_id, id);
CREATE INDEX mcp_access_logs_by_server ON mcp_access_logs (server, id);
CREATE INDEX mcp_access_logs_by_done ON mcp_access_logs (done_seq);

CREATE TABLE mcp_journal_positions (
    journal TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    segment BIGINT NOT NULL,
    read_offset BIGINT NOT NULL
);

-- access_done: the last done_seq that was given out. ledger: how often tokens, accounts or servers
-- were written; who writes them changes this row first, so that writers stand in one line and
-- never wait for each other in a circle. ping: how often somebody asked whether this database can
-- be written.
CREATE TABLE mcp_counters (
    name TEXT NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO mcp_counters (name, value) VALUES ('access_done', 0), ('ledger', 0), ('ping', 0);
