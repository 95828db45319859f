-- What is asked of many tokens before something is done to them, without the rest of their rows.

CREATE INDEX mcp_tokens_by_outline
    ON mcp_tokens (id, family_id, name, is_active, expires_at, revoked_at, rotated_at);
