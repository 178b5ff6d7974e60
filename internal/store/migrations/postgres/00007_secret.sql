-- Secrets and which master key the sealed values of the database belong to.

-- +goose Up
CREATE TABLE master_key (
	slot BIGINT NOT NULL PRIMARY KEY CHECK (slot = 1),
	id   TEXT COLLATE "C" NOT NULL
);

CREATE TABLE secret (
	service       TEXT COLLATE "C" NOT NULL,
	name          TEXT COLLATE "C" NOT NULL,
	description   TEXT COLLATE "C" NOT NULL,
	current_number BIGINT NOT NULL,
	created_at    BIGINT NOT NULL,
	last_modified BIGINT NOT NULL,
	PRIMARY KEY (service, name)
);

CREATE TABLE secret_version (
	service    TEXT COLLATE "C" NOT NULL,
	name       TEXT COLLATE "C" NOT NULL,
	number     BIGINT NOT NULL,
	size       BIGINT NOT NULL,
	is_binary  BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	master_id  TEXT COLLATE "C" NOT NULL,
	sealed     BYTEA    NOT NULL,
	PRIMARY KEY (service, name, number),
	FOREIGN KEY (service, name) REFERENCES secret (service, name) ON DELETE CASCADE
);

CREATE INDEX secret_version_master ON secret_version (master_id);

-- +goose Down
DROP TABLE secret_version;
DROP TABLE secret;
DROP TABLE master_key;
