-- Everything that tokens are counted and listed by, along indexes that fit how they are asked for:
-- by_outline has all but the words in the order of lists, by_state the lengths of whole states, and
-- by_use who was not used for long, so that none of them reads the rows themselves.

DROP INDEX mcp_tokens_by_standing;
DROP INDEX mcp_tokens_by_revocation;
DROP INDEX mcp_tokens_by_outline;
CREATE INDEX mcp_tokens_by_outline ON mcp_tokens (
    id, family_id, name, user_id, is_active, created_at, expires_at, revoked_at, rotated_at, last_used_at
);
CREATE INDEX mcp_tokens_by_state ON mcp_tokens (revoked_at, is_active, expires_at);
DROP INDEX mcp_tokens_by_use;
CREATE INDEX mcp_tokens_by_use ON mcp_tokens (
    COALESCE(last_used_at, 0), id, created_at, is_active, revoked_at, expires_at
);
