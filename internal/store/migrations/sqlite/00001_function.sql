-- Functions, their versions and their URLs.
-- Times are milliseconds since 1970 in UTC and always come from the caller.
-- What is searched, ordered or constrained is a column; the rest is one JSON document.

-- +goose Up
CREATE TABLE function (
	service    TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	created_at INTEGER NOT NULL,
	tags       TEXT    NOT NULL, -- JSON object
	PRIMARY KEY (service, name)
) STRICT, WITHOUT ROWID;

-- The highest version number ever given out. It outlives the function, because
-- a number is never used again even after the function was deleted and made anew.
CREATE TABLE version_number (
	service TEXT    NOT NULL,
	name    TEXT    NOT NULL,
	last    INTEGER NOT NULL,
	PRIMARY KEY (service, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE version (
	service       TEXT    NOT NULL,
	name          TEXT    NOT NULL,
	number        INTEGER NOT NULL CHECK (number >= 0), -- 0 is $LATEST
	revision_id   TEXT    NOT NULL,
	runtime       TEXT    NOT NULL,
	code_digest   TEXT    NOT NULL,
	code_size     INTEGER NOT NULL,
	state         TEXT    NOT NULL,
	update_status TEXT    NOT NULL,
	last_modified INTEGER NOT NULL,
	settings      TEXT    NOT NULL, -- JSON object, see version.go
	PRIMARY KEY (service, name, number),
	FOREIGN KEY (service, name) REFERENCES function (service, name) ON DELETE CASCADE
) STRICT;

CREATE UNIQUE INDEX version_latest ON version (service, name) WHERE number = 0;
CREATE INDEX version_code ON version (code_digest, service, code_size);

CREATE TABLE function_url (
	id            TEXT    NOT NULL PRIMARY KEY,
	service       TEXT    NOT NULL,
	name          TEXT    NOT NULL,
	qualifier     TEXT    NOT NULL, -- '' is $LATEST
	auth_type     TEXT    NOT NULL,
	invoke_mode   TEXT    NOT NULL,
	cors          TEXT    NOT NULL, -- JSON object or null
	created_at    INTEGER NOT NULL,
	last_modified INTEGER NOT NULL,
	UNIQUE (service, name, qualifier),
	FOREIGN KEY (service, name) REFERENCES function (service, name) ON DELETE CASCADE
) STRICT;

-- +goose Down
DROP TABLE function_url;
DROP TABLE version;
DROP TABLE version_number;
DROP TABLE function;
