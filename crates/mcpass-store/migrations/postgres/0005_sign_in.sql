-- How people sign in: what is kept of passwords and second factors, sessions, one-time links.
--
-- A password is an argon2id hash; sessions and links are found by the SHA-256 of their secrets.
-- The key of an authenticator has to be known as it is, and stands here as it is: who reads it
-- still needs the password. A user without a row has nothing to sign in with.
-- Frozen once merged: tests/schema.rs holds its checksum.

CREATE TABLE mcp_credentials (
    user_id BYTEA NOT NULL PRIMARY KEY REFERENCES mcp_users (id) ON DELETE CASCADE,
    password_hash TEXT, -- PHC string
    changed_at BIGINT NOT NULL,
    failed_attempts BIGINT NOT NULL,
    locked_until BIGINT,
    totp_key BYTEA, -- 20 bytes
    totp_confirmed BOOLEAN NOT NULL,
    totp_step BIGINT NOT NULL, -- the last one whose code was taken
    recovery BYTEA NOT NULL, -- SHA-256 of the codes that are left, 32 bytes each
    oidc_subject TEXT COLLATE "C" UNIQUE, -- issuer, a space, subject
    version BIGINT NOT NULL
);

CREATE TABLE mcp_sessions (
    id BYTEA NOT NULL PRIMARY KEY,
    digest BYTEA NOT NULL UNIQUE, -- SHA-256 of the secret in the cookie
    user_id BYTEA NOT NULL REFERENCES mcp_users (id) ON DELETE CASCADE,
    method TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    ip TEXT NOT NULL,
    user_agent TEXT NOT NULL
);
CREATE INDEX mcp_sessions_by_user ON mcp_sessions (user_id, id);

CREATE TABLE mcp_one_time_links (
    digest BYTEA NOT NULL PRIMARY KEY, -- SHA-256 of the secret in the link
    purpose TEXT NOT NULL,
    user_id BYTEA REFERENCES mcp_users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX mcp_one_time_links_by_user ON mcp_one_time_links (user_id);
