-- Triggers, what they have done, the fires of timers, and calendars.
-- Times are milliseconds since 1970 in UTC and always come from the caller; 0 is none.

-- +goose Up
CREATE TABLE triggers (
	id          TEXT NOT NULL PRIMARY KEY,
	service     TEXT NOT NULL,
	name        TEXT NOT NULL,
	kind        TEXT NOT NULL,
	target      TEXT NOT NULL,
	paused      INTEGER NOT NULL, -- 0 or 1
	revision    INTEGER NOT NULL,
	created_at  INTEGER NOT NULL,
	modified_at INTEGER NOT NULL,
	document    TEXT NOT NULL, -- JSON object, see trigger.go
	UNIQUE (service, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX triggers_kind ON triggers (kind, service, name);
CREATE INDEX triggers_target ON triggers (target);

CREATE TABLE trigger_state (
	trigger_id TEXT NOT NULL PRIMARY KEY REFERENCES triggers (id) ON DELETE CASCADE,
	next_at    INTEGER NOT NULL,
	last_at    INTEGER NOT NULL,
	last_due   INTEGER NOT NULL,
	last_task  TEXT NOT NULL,
	outcome    TEXT NOT NULL,
	error      TEXT NOT NULL,
	fired      INTEGER NOT NULL,
	skipped    INTEGER NOT NULL,
	failed     INTEGER NOT NULL,
	position   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE fire (
	trigger_id TEXT NOT NULL REFERENCES triggers (id) ON DELETE CASCADE,
	due_at     INTEGER NOT NULL,
	at         INTEGER NOT NULL,
	outcome    TEXT NOT NULL,
	task       TEXT NOT NULL,
	PRIMARY KEY (trigger_id, due_at)
) STRICT, WITHOUT ROWID;

CREATE INDEX fire_at ON fire (at);

CREATE TABLE calendar (
	name        TEXT NOT NULL PRIMARY KEY,
	modified_at INTEGER NOT NULL,
	document    TEXT NOT NULL -- JSON object, see calendar.go
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE calendar;
DROP TABLE fire;
DROP TABLE trigger_state;
DROP TABLE triggers;
