-- What lets several processes, also of different versions, share a database.

-- +goose Up
-- The oldest schema that an ebb may know and still use this database. A
-- migration that takes something away from its predecessors raises it to the
-- first schema whose ebb does without.
CREATE TABLE schema_floor (floor BIGINT NOT NULL);
INSERT INTO schema_floor (floor) VALUES (1);

-- What was changed last, so that other processes drop their copies. One row for
-- each thing ever changed; seq grows with every change, in the order of commits,
-- because whoever takes a number holds the counter's row until it commits.
CREATE TABLE change_counter (
	id   BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
	last BIGINT NOT NULL
);
INSERT INTO change_counter (id, last) VALUES (1, 0);

CREATE TABLE change (
	kind TEXT COLLATE "C" NOT NULL,
	id   TEXT COLLATE "C" NOT NULL,
	seq  BIGINT NOT NULL,
	PRIMARY KEY (kind, id)
);
CREATE UNIQUE INDEX change_seq ON change (seq);

-- Nodes that share this database, and the leases they hold. Times are the
-- database's, so that nodes need not agree on one.
CREATE TABLE node (
	id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	began_at     BIGINT NOT NULL,
	heartbeat_at BIGINT NOT NULL,
	about        TEXT COLLATE "C" NOT NULL -- JSON object, see node.go
);

-- A lease's row stays when nobody holds it: its epoch must never be used again.
CREATE TABLE lease (
	name       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	node       TEXT COLLATE "C" NOT NULL, -- '' is nobody
	epoch      BIGINT NOT NULL,
	expires_at BIGINT NOT NULL
);
CREATE INDEX lease_node ON lease (node, name);

-- +goose Down
DROP TABLE lease;
DROP TABLE node;
DROP TABLE change;
DROP TABLE change_counter;
DROP TABLE schema_floor;
