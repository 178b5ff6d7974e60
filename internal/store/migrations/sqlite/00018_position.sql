-- How far triggers have read their sources, and what they were told to read
-- again. Times are milliseconds since 1970 in UTC and come from the caller.

-- +goose Up
CREATE TABLE trigger_position (
	trigger_id TEXT NOT NULL REFERENCES triggers (id) ON DELETE CASCADE,
	part       TEXT NOT NULL,    -- of the source: topic and partition
	position   INTEGER NOT NULL, -- all before it is handled
	latest     INTEGER NOT NULL, -- where the source's next event will be
	at         INTEGER NOT NULL, -- when that was so
	sought     INTEGER NOT NULL, -- number of the last seek that was done
	PRIMARY KEY (trigger_id, part)
) STRICT, WITHOUT ROWID;

CREATE TABLE trigger_seek (
	trigger_id TEXT NOT NULL PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
	number     INTEGER NOT NULL, -- the revision that the seek made
	document   TEXT NOT NULL     -- JSON object, see the package of the kind
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE trigger_seek;
DROP TABLE trigger_position;
