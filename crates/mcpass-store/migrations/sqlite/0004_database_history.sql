-- The histories of databases that keep none themselves: who changed which row, and how.
--
-- server is the name of the database server. Rows of one call share an intent; they are written
-- before the change is made to last, with the outcome `unknown`, and get the outcome afterwards.
-- Rows outlive what they tell of.
-- Frozen once merged: tests/schema.rs holds its checksum.

CREATE TABLE mcp_database_history (
    intent BLOB NOT NULL,
    place INTEGER NOT NULL, -- within the intent, from 0
    server TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    token_name TEXT NOT NULL,
    token_id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    kind TEXT NOT NULL, -- created, changed, deleted
    via TEXT NOT NULL,
    model TEXT NOT NULL,
    table_name TEXT NOT NULL,
    object_id TEXT NOT NULL, -- JSON
    object TEXT NOT NULL,
    before_json TEXT,
    after_json TEXT,
    outcome TEXT NOT NULL, -- done, undone, unknown
    PRIMARY KEY (intent, place)
) STRICT;
CREATE INDEX mcp_database_history_by_object ON mcp_database_history (server, table_name, object_id, intent, place);
