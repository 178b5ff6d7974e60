-- What became of the events of triggers, counted; and when they began to fail.
-- Times are milliseconds since 1970 in UTC and always come from the caller; 0 is none.

-- +goose Up
CREATE TABLE trigger_count (
	trigger_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
	taken      BIGINT NOT NULL,
	filtered   BIGINT NOT NULL,
	delivered  BIGINT NOT NULL,
	retried    BIGINT NOT NULL,
	failed     BIGINT NOT NULL,
	dead       BIGINT NOT NULL,
	result     TEXT COLLATE "C" NOT NULL, -- of the last delivery: '' or why it failed
	result_at  BIGINT NOT NULL,
	failing_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE trigger_count;
