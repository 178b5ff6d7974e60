-- Services, their access keys and their roles.

-- +goose Up
CREATE TABLE service (
	id            TEXT    NOT NULL PRIMARY KEY,
	name          TEXT    NOT NULL UNIQUE,
	created_at    INTEGER NOT NULL,
	last_modified INTEGER NOT NULL,
	settings      TEXT    NOT NULL -- JSON object, see service.go
) STRICT, WITHOUT ROWID;

-- There is always a default service.
INSERT INTO service (id, name, created_at, last_modified, settings) VALUES ('000000000000', 'default', 0, 0, '{}');

CREATE TABLE access_key (
	id           TEXT    NOT NULL PRIMARY KEY,
	service      TEXT    NOT NULL, -- '' is the node
	name         TEXT    NOT NULL,
	role         TEXT    NOT NULL,
	token_hash   TEXT    NOT NULL UNIQUE, -- SHA-256 of the bearer token
	enabled      INTEGER NOT NULL,
	created_at   INTEGER NOT NULL,
	expires_at   INTEGER NOT NULL, -- 0 is never
	last_used_at INTEGER NOT NULL, -- 0 is never
	replaced_by  TEXT    NOT NULL, -- '' is none
	master_id    TEXT    NOT NULL,
	sealed       BLOB    NOT NULL  -- the secret access key
) STRICT;

CREATE INDEX access_key_service ON access_key (service, id);
CREATE INDEX access_key_master ON access_key (master_id);

CREATE TABLE role (
	service       TEXT    NOT NULL,
	name          TEXT    NOT NULL,
	created_at    INTEGER NOT NULL,
	last_modified INTEGER NOT NULL,
	policy        TEXT    NOT NULL, -- JSON object, an IAM policy document
	PRIMARY KEY (service, name)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE role;
DROP TABLE access_key;
DROP TABLE service;
