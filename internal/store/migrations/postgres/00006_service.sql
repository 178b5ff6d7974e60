-- Services, their access keys and their roles.

-- +goose Up
CREATE TABLE service (
	id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	name          TEXT COLLATE "C" NOT NULL UNIQUE,
	created_at    BIGINT NOT NULL,
	last_modified BIGINT NOT NULL,
	settings      TEXT COLLATE "C" NOT NULL -- JSON object, see service.go
);

-- There is always a default service.
INSERT INTO service (id, name, created_at, last_modified, settings) VALUES ('000000000000', 'default', 0, 0, '{}');

CREATE TABLE access_key (
	id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	service      TEXT COLLATE "C" NOT NULL, -- '' is the node
	name         TEXT COLLATE "C" NOT NULL,
	role         TEXT COLLATE "C" NOT NULL,
	token_hash   TEXT COLLATE "C" NOT NULL UNIQUE, -- SHA-256 of the bearer token
	enabled      BIGINT NOT NULL,
	created_at   BIGINT NOT NULL,
	expires_at   BIGINT NOT NULL, -- 0 is never
	last_used_at BIGINT NOT NULL, -- 0 is never
	replaced_by  TEXT COLLATE "C" NOT NULL, -- '' is none
	master_id    TEXT COLLATE "C" NOT NULL,
	sealed       BYTEA    NOT NULL  -- the secret access key
);

CREATE INDEX access_key_service ON access_key (service, id);
CREATE INDEX access_key_master ON access_key (master_id);

CREATE TABLE role (
	service       TEXT COLLATE "C" NOT NULL,
	name          TEXT COLLATE "C" NOT NULL,
	created_at    BIGINT NOT NULL,
	last_modified BIGINT NOT NULL,
	policy        TEXT COLLATE "C" NOT NULL, -- JSON object, an IAM policy document
	PRIMARY KEY (service, name)
);

-- +goose Down
DROP TABLE role;
DROP TABLE access_key;
DROP TABLE service;
