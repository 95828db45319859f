-- How people sign in: what is kept of passwords and second factors, sessions, one-time links.
--
-- A password is an argon2id hash; sessions and links are found by the SHA-256 of their secrets.
-- The key of an authenticator has to be known as it is, and stands here as it is: who reads it
-- still needs the password. A user without a row has nothing to sign in with.
-- Frozen once merged: tests/schema.rs holds its checksum.

CREATE TABLE mcp_credentials (
    user_id BLOB NOT NULL PRIMARY KEY REFERENCES mcp_users (id) ON DELETE CASCADE,
    password_hash TEXT, -- PHC string
    changed_at INTEGER NOT NULL,
    failed_attempts INTEGER NOT NULL,
    locked_until INTEGER,
    totp_key BLOB, -- 20 bytes
    totp_confirmed INTEGER NOT NULL,
    totp_step INTEGER NOT NULL, -- the last one whose code was taken
    recovery BLOB NOT NULL, -- SHA-256 of the codes that are left, 32 bytes each
    oidc_subject TEXT UNIQUE, -- issuer, a space, subject
    version INTEGER NOT NULL
) STRICT;

CREATE TABLE mcp_sessions (
    id BLOB NOT NULL PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE, -- SHA-256 of the secret in the cookie
    user_id BLOB NOT NULL REFERENCES mcp_users (id) ON DELETE CASCADE,
    method TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    ip TEXT NOT NULL,
    user_agent TEXT NOT NULL
) STRICT;
CREATE INDEX mcp_sessions_by_user ON mcp_sessions (user_id, id);

CREATE TABLE mcp_one_time_links (
    digest BLOB NOT NULL PRIMARY KEY, -- SHA-256 of the secret in the link
    purpose TEXT NOT NULL,
    user_id BLOB REFERENCES mcp_users (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
) STRICT;
CREATE INDEX mcp_one_time_links_by_user ON mcp_one_time_links (user_id);
