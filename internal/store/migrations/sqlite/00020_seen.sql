-- Objects and files that a trigger has seen by looking.

-- +goose Up
CREATE TABLE seen (
	trigger_id TEXT NOT NULL REFERENCES triggers (id) ON DELETE CASCADE,
	name       TEXT NOT NULL, -- key or path
	identity   TEXT NOT NULL, -- what makes it another one: etag, or inode, size and time
	state      TEXT NOT NULL, -- "" = nothing is left to do
	task       TEXT NOT NULL, -- what its event became
	at         INTEGER NOT NULL,
	PRIMARY KEY (trigger_id, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX seen_state ON seen (trigger_id, state, name);

-- +goose Down
DROP TABLE seen;
