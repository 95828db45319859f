-- Lists of tokens in every order, their numbers by state, and what was created under the keys of
-- callers. by_standing has all that counting needs.

CREATE INDEX mcp_tokens_by_name ON mcp_tokens (name COLLATE "C", id);
CREATE INDEX mcp_tokens_by_end ON mcp_tokens (COALESCE(expires_at, 9223372036854775807), id);
CREATE INDEX mcp_tokens_by_use ON mcp_tokens (COALESCE(last_used_at, 0), id);
CREATE INDEX mcp_tokens_by_standing
    ON mcp_tokens (revoked_at, is_active, expires_at, last_used_at, created_at, user_id);

CREATE TABLE mcp_creations (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    request BYTEA NOT NULL, -- SHA-256 of what was asked for
    object TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX mcp_creations_by_time ON mcp_creations (created_at);
