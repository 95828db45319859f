-- Which tokens are in as many groups as a token can be, which is asked before groups are given to many.

CREATE INDEX mcp_token_groups_by_last ON mcp_token_groups (token_id) WHERE position >= 499;
