-- Triggers, what they have done, the fires of timers, and calendars.
-- Times are milliseconds since 1970 in UTC and always come from the caller; 0 is none.

-- +goose Up
CREATE TABLE triggers (
	id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	service     TEXT COLLATE "C" NOT NULL,
	name        TEXT COLLATE "C" NOT NULL,
	kind        TEXT COLLATE "C" NOT NULL,
	target      TEXT COLLATE "C" NOT NULL,
	paused      BIGINT NOT NULL, -- 0 or 1
	revision    BIGINT NOT NULL,
	created_at  BIGINT NOT NULL,
	modified_at BIGINT NOT NULL,
	document    TEXT COLLATE "C" NOT NULL, -- JSON object, see trigger.go
	UNIQUE (service, name)
);

CREATE INDEX triggers_kind ON triggers (kind, service, name);
CREATE INDEX triggers_target ON triggers (target);

CREATE TABLE trigger_state (
	trigger_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
	next_at    BIGINT NOT NULL,
	last_at    BIGINT NOT NULL,
	last_due   BIGINT NOT NULL,
	last_task  TEXT COLLATE "C" NOT NULL,
	outcome    TEXT COLLATE "C" NOT NULL,
	error      TEXT COLLATE "C" NOT NULL,
	fired      BIGINT NOT NULL,
	skipped    BIGINT NOT NULL,
	failed     BIGINT NOT NULL,
	position   TEXT COLLATE "C" NOT NULL
);

CREATE TABLE fire (
	trigger_id TEXT COLLATE "C" NOT NULL REFERENCES triggers (id) ON DELETE CASCADE,
	due_at     BIGINT NOT NULL,
	at         BIGINT NOT NULL,
	outcome    TEXT COLLATE "C" NOT NULL,
	task       TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (trigger_id, due_at)
);

CREATE INDEX fire_at ON fire (at);

CREATE TABLE calendar (
	name        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	modified_at BIGINT NOT NULL,
	document    TEXT COLLATE "C" NOT NULL -- JSON object, see calendar.go
);

-- +goose Down
DROP TABLE calendar;
DROP TABLE fire;
DROP TABLE trigger_state;
DROP TABLE triggers;
