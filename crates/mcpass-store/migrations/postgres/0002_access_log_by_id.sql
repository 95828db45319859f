-- Nothing to do here: PostgreSQL keeps every table as a heap. (On SQLite the access log moves into
-- the order of its ids.)
SELECT 1;
