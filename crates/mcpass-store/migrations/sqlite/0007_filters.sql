-- The access log by user and by tool, and the few rows in which something went wrong: refusals,
-- errors and failures have indexes of their own, which cost an ordinary row nothing.
-- Each has all that its own condition asks for, so that walking along it reads nothing else.
-- Of a tool, resource or prompt the beginning: clients send what they like, and PostgreSQL has no
-- room for long texts in an index.

CREATE INDEX mcp_access_logs_by_user ON mcp_access_logs (user_name, id);
CREATE INDEX mcp_access_logs_by_target ON mcp_access_logs (substr(target, 1, 100), id);
CREATE INDEX mcp_access_logs_by_refusal ON mcp_access_logs (id, reason)
    WHERE reason <> 'allowed';
CREATE INDEX mcp_access_logs_by_reason ON mcp_access_logs (reason, id) WHERE reason <> 'allowed';
CREATE INDEX mcp_access_logs_by_error ON mcp_access_logs (id, is_error, reason)
    WHERE is_error AND reason = 'allowed';
CREATE INDEX mcp_access_logs_by_failure ON mcp_access_logs (failure, id) WHERE failure IS NOT NULL;

-- The few tokens that were revoked; and one index less to write at each use of a token: lists by
-- last use go along mcp_tokens_by_use.
CREATE INDEX mcp_tokens_by_revocation ON mcp_tokens (id) WHERE revoked_at IS NOT NULL;
DROP INDEX mcp_tokens_by_last_use;

-- The audit log by who did something, and by what was done.
CREATE INDEX mcp_audit_log_by_actor ON mcp_audit_log (actor, id);
CREATE INDEX mcp_audit_log_by_action ON mcp_audit_log (action, id);

-- The words of a token beside its id, so that a search reads these and not the whole table.
-- PostgreSQL has no such index: its table is read faster, and notes may be too long for one.
CREATE INDEX mcp_tokens_by_words ON mcp_tokens (id, search);
