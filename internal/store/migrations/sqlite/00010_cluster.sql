-- What lets several processes, also of different versions, share a database.

-- +goose Up
-- The oldest schema that an ebb may know and still use this database. A
-- migration that takes something away from its predecessors raises it to the
-- first schema whose ebb does without.
CREATE TABLE schema_floor (floor INTEGER NOT NULL) STRICT;
INSERT INTO schema_floor (floor) VALUES (1);

-- What was changed last, so that other processes drop their copies. One row for
-- each thing ever changed; seq grows with every change, in the order of commits,
-- because whoever takes a number holds the counter's row until it commits.
CREATE TABLE change_counter (
	id   INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
	last INTEGER NOT NULL
) STRICT;
INSERT INTO change_counter (id, last) VALUES (1, 0);

CREATE TABLE change (
	kind TEXT    NOT NULL,
	id   TEXT    NOT NULL,
	seq  INTEGER NOT NULL,
	PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX change_seq ON change (seq);

-- Nodes that share this database, and the leases they hold. Times are the
-- database's, so that nodes need not agree on one.
CREATE TABLE node (
	id           TEXT    NOT NULL PRIMARY KEY,
	began_at     INTEGER NOT NULL,
	heartbeat_at INTEGER NOT NULL,
	about        TEXT    NOT NULL -- JSON object, see node.go
) STRICT;

-- A lease's row stays when nobody holds it: its epoch must never be used again.
CREATE TABLE lease (
	name       TEXT    NOT NULL PRIMARY KEY,
	node       TEXT    NOT NULL, -- '' is nobody
	epoch      INTEGER NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX lease_node ON lease (node, name);

-- +goose Down
DROP TABLE lease;
DROP TABLE node;
DROP TABLE change;
DROP TABLE change_counter;
DROP TABLE schema_floor;
