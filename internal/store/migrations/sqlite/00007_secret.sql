-- Secrets and which master key the sealed values of the database belong to.

-- +goose Up
CREATE TABLE master_key (
	slot INTEGER NOT NULL PRIMARY KEY CHECK (slot = 1),
	id   TEXT    NOT NULL
) STRICT;

CREATE TABLE secret (
	service       TEXT    NOT NULL,
	name          TEXT    NOT NULL,
	description   TEXT    NOT NULL,
	current_number INTEGER NOT NULL,
	created_at    INTEGER NOT NULL,
	last_modified INTEGER NOT NULL,
	PRIMARY KEY (service, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE secret_version (
	service    TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	number     INTEGER NOT NULL,
	size       INTEGER NOT NULL,
	is_binary  INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	master_id  TEXT    NOT NULL,
	sealed     BLOB    NOT NULL,
	PRIMARY KEY (service, name, number),
	FOREIGN KEY (service, name) REFERENCES secret (service, name) ON DELETE CASCADE
) STRICT;

CREATE INDEX secret_version_master ON secret_version (master_id);

-- +goose Down
DROP TABLE secret_version;
DROP TABLE secret;
DROP TABLE master_key;
