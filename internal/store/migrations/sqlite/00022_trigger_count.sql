-- What became of the events of triggers, counted; and when they began to fail.
-- Times are milliseconds since 1970 in UTC and always come from the caller; 0 is none.

-- +goose Up
CREATE TABLE trigger_count (
	trigger_id TEXT NOT NULL PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
	taken      INTEGER NOT NULL,
	filtered   INTEGER NOT NULL,
	delivered  INTEGER NOT NULL,
	retried    INTEGER NOT NULL,
	failed     INTEGER NOT NULL,
	dead       INTEGER NOT NULL,
	result     TEXT NOT NULL, -- of the last delivery: '' or why it failed
	result_at  INTEGER NOT NULL,
	failing_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE trigger_count;
