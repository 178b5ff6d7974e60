-- Objects and files that a trigger has seen by looking.

-- +goose Up
CREATE TABLE seen (
	trigger_id TEXT COLLATE "C" NOT NULL REFERENCES triggers (id) ON DELETE CASCADE,
	name       TEXT COLLATE "C" NOT NULL, -- key or path
	identity   TEXT COLLATE "C" NOT NULL, -- what makes it another one: etag, or inode, size and time
	state      TEXT COLLATE "C" NOT NULL, -- "" = nothing is left to do
	task       TEXT COLLATE "C" NOT NULL, -- what its event became
	at         BIGINT NOT NULL,
	PRIMARY KEY (trigger_id, name)
);

CREATE INDEX seen_state ON seen (trigger_id, state, name);

-- +goose Down
DROP TABLE seen;
