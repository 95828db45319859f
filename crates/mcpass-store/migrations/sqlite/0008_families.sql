-- Who made a link that signs somebody in: it gives no more than they could give when it is used.
-- Nobody knows who made the ones before, so they have to be made again.
ALTER TABLE mcp_one_time_links ADD COLUMN made_by BLOB REFERENCES mcp_users (id) ON DELETE CASCADE;
DELETE FROM mcp_one_time_links WHERE user_id IS NOT NULL AND used_at IS NULL;

-- The few secrets that were replaced and not revoked: those of them that still live have a sibling.
CREATE INDEX mcp_tokens_by_rotation ON mcp_tokens (expires_at)
    WHERE rotated_at IS NOT NULL AND revoked_at IS NULL;
