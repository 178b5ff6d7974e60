-- How far triggers have read their sources, and what they were told to read
-- again. Times are milliseconds since 1970 in UTC and come from the caller.

-- +goose Up
CREATE TABLE trigger_position (
	trigger_id TEXT COLLATE "C" NOT NULL REFERENCES triggers (id) ON DELETE CASCADE,
	part       TEXT COLLATE "C" NOT NULL,    -- of the source: topic and partition
	position   BIGINT NOT NULL, -- all before it is handled
	latest     BIGINT NOT NULL, -- where the source's next event will be
	at         BIGINT NOT NULL, -- when that was so
	sought     BIGINT NOT NULL, -- number of the last seek that was done
	PRIMARY KEY (trigger_id, part)
);

CREATE TABLE trigger_seek (
	trigger_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
	number     BIGINT NOT NULL, -- the revision that the seek made
	document   TEXT COLLATE "C" NOT NULL     -- JSON object, see the package of the kind
);

-- +goose Down
DROP TABLE trigger_seek;
DROP TABLE trigger_position;
