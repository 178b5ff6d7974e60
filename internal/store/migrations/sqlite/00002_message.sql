-- The durable queue. A message is in one row from its acceptance to its removal:
-- live (waiting or leased), done, dead or stopped.
-- Times are milliseconds since 1970 in UTC and always come from the caller; 0 is none.

-- +goose Up
CREATE TABLE message (
	queue       TEXT    NOT NULL,
	service     TEXT    NOT NULL,
	id          TEXT    NOT NULL,
	lane        TEXT    NOT NULL,
	topic       TEXT    NOT NULL, -- what it is about: a function, an execution
	state       INTEGER NOT NULL, -- 0 live, 1 done, 2 dead, 3 stopped
	due_at      INTEGER NOT NULL, -- live: when it may be leased, or the lease's end; else when it is removed
	leased      INTEGER NOT NULL, -- 0 or 1
	epoch       INTEGER NOT NULL,
	attempt     INTEGER NOT NULL,
	crashes     INTEGER NOT NULL,
	enqueued_at INTEGER NOT NULL,
	ended_at    INTEGER NOT NULL,
	reason      TEXT    NOT NULL,
	payload     TEXT    NOT NULL, -- digest in the artifact store, or ''
	body        BLOB    NOT NULL,
	PRIMARY KEY (queue, service, id)
) STRICT;

-- Messages that may be leased in batches; those whose holders crashed twice are
-- suspects, leased one at a time.
CREATE INDEX message_due ON message (queue, lane, due_at) WHERE state = 0 AND crashes < 2;
CREATE INDEX message_suspect ON message (queue, due_at) WHERE state = 0 AND crashes > 1;
CREATE INDEX message_ended ON message (due_at) WHERE state > 0;
CREATE INDEX message_dead ON message (queue, service, id) WHERE state = 2;
CREATE INDEX message_payload ON message (payload) WHERE payload <> '';

-- +goose Down
DROP TABLE message;
