-- The product workspace: its items and the trail of their changes.
--
-- server is the name of the workspace server that they belong to. An item of any kind is a row:
-- what all kinds have are columns, the rest is a JSON object whose members depend on the kind. An
-- item belongs to its product (a product to itself) and, where it has one, to a feature (a feature
-- to itself) and to a parent (the checklist of an item). No foreign keys: what may be removed, and
-- what goes with it, is a rule of the workspace.
-- Frozen once merged: tests/schema.rs holds its checksum.

CREATE TABLE mcp_workspace_items (
    id BLOB NOT NULL PRIMARY KEY,
    server TEXT NOT NULL,
    kind TEXT NOT NULL,
    product_id BLOB NOT NULL,
    feature_id BLOB,
    parent_id BLOB,
    position INTEGER NOT NULL,
    status TEXT NOT NULL,
    title TEXT NOT NULL,
    search TEXT NOT NULL, -- title in lower case
    body TEXT NOT NULL, -- JSON object, by kind
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    updated_by TEXT NOT NULL,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX mcp_workspace_items_by_server ON mcp_workspace_items (server, kind, position, id);
CREATE INDEX mcp_workspace_items_by_product ON mcp_workspace_items (product_id, kind, position, id);
CREATE INDEX mcp_workspace_items_by_feature ON mcp_workspace_items (feature_id, kind, position, id);
CREATE INDEX mcp_workspace_items_by_parent ON mcp_workspace_items (parent_id, kind, position, id);

-- Rows outlive what they tell of.
CREATE TABLE mcp_workspace_events (
    id BLOB NOT NULL PRIMARY KEY,
    server TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    user_name TEXT NOT NULL,
    token_name TEXT NOT NULL,
    action TEXT NOT NULL,
    item_kind TEXT NOT NULL,
    item_id BLOB NOT NULL,
    product_id BLOB NOT NULL,
    feature_id BLOB,
    title TEXT NOT NULL,
    before_json TEXT,
    after_json TEXT
) STRICT;
CREATE INDEX mcp_workspace_events_by_server ON mcp_workspace_events (server, id);
CREATE INDEX mcp_workspace_events_by_item ON mcp_workspace_events (item_id, id);
CREATE INDEX mcp_workspace_events_by_product ON mcp_workspace_events (product_id, id);
CREATE INDEX mcp_workspace_events_by_feature ON mcp_workspace_events (feature_id, id);

-- How often a workspace was written, as the ledger in the first migration.
INSERT INTO mcp_counters (name, value) VALUES ('workspace', 0);
