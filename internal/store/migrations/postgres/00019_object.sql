-- What object and directory triggers listen to, and events that wait for paused ones.

-- +goose Up
CREATE TABLE object_rule (
	trigger_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
	source     TEXT COLLATE "C" NOT NULL, -- whose bucket: "" is the platform's own endpoint
	bucket     TEXT COLLATE "C" NOT NULL
);

CREATE INDEX object_rule_bucket ON object_rule (source, bucket);

CREATE TABLE object_held (
	trigger_id TEXT COLLATE "C" NOT NULL REFERENCES triggers (id) ON DELETE CASCADE,
	id         TEXT COLLATE "C" NOT NULL, -- of the task that the event becomes
	at         BIGINT NOT NULL,
	event      TEXT COLLATE "C" NOT NULL, -- JSON
	PRIMARY KEY (trigger_id, at, id)
);

-- +goose Down
DROP TABLE object_held;
DROP TABLE object_rule;
