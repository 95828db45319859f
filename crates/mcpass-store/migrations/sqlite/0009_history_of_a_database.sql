-- Which database a change was made in: a server of one name may have had another one before.
-- Rows from before this, and of a release before it, have none.

ALTER TABLE mcp_database_history ADD COLUMN database_name TEXT NOT NULL DEFAULT '';
