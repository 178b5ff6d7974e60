-- What object and directory triggers listen to, and events that wait for paused ones.

-- +goose Up
CREATE TABLE object_rule (
	trigger_id TEXT NOT NULL PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
	source     TEXT NOT NULL, -- whose bucket: "" is the platform's own endpoint
	bucket     TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX object_rule_bucket ON object_rule (source, bucket);

CREATE TABLE object_held (
	trigger_id TEXT NOT NULL REFERENCES triggers (id) ON DELETE CASCADE,
	id         TEXT NOT NULL, -- of the task that the event becomes
	at         INTEGER NOT NULL,
	event      TEXT NOT NULL, -- JSON
	PRIMARY KEY (trigger_id, at, id)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE object_held;
DROP TABLE object_rule;
