-- The durable queue. A message is in one row from its acceptance to its removal:
-- live (waiting or leased), done, dead or stopped.
-- Times are milliseconds since 1970 in UTC and always come from the caller; 0 is none.

-- +goose Up
CREATE TABLE message (
	queue       TEXT COLLATE "C"  NOT NULL,
	service     TEXT COLLATE "C"  NOT NULL,
	id          TEXT COLLATE "C"  NOT NULL,
	lane        TEXT COLLATE "C"  NOT NULL,
	topic       TEXT COLLATE "C" NOT NULL, -- what it is about: a function, an execution
	state       BIGINT  NOT NULL, -- 0 live, 1 done, 2 dead, 3 stopped
	due_at      BIGINT  NOT NULL, -- live: when it may be leased, or the lease's end; else when it is removed
	leased      BIGINT  NOT NULL, -- 0 or 1
	epoch       BIGINT  NOT NULL,
	attempt     BIGINT  NOT NULL,
	crashes     BIGINT  NOT NULL,
	enqueued_at BIGINT  NOT NULL,
	ended_at    BIGINT  NOT NULL,
	reason      TEXT COLLATE "C" NOT NULL,
	payload     TEXT COLLATE "C" NOT NULL, -- digest in the artifact store, or ''
	body        BYTEA   NOT NULL,
	PRIMARY KEY (queue, service, id)
);

-- Messages that may be leased in batches; those whose holders crashed twice are
-- suspects, leased one at a time.
CREATE INDEX message_due ON message (queue, lane, due_at) WHERE state = 0 AND crashes < 2;
CREATE INDEX message_suspect ON message (queue, due_at) WHERE state = 0 AND crashes > 1;
CREATE INDEX message_ended ON message (due_at) WHERE state > 0;
CREATE INDEX message_dead ON message (queue, service, id) WHERE state = 2;
CREATE INDEX message_payload ON message (payload) WHERE payload <> '';

-- +goose Down
DROP TABLE message;
