-- Functions, their versions and their URLs.
-- Times are milliseconds since 1970 in UTC and always come from the caller.
-- What is searched, ordered or constrained is a column; the rest is one JSON document.

-- +goose Up
CREATE TABLE function (
	service    TEXT COLLATE "C" NOT NULL,
	name       TEXT COLLATE "C" NOT NULL,
	created_at BIGINT NOT NULL,
	tags       TEXT COLLATE "C" NOT NULL, -- JSON object
	PRIMARY KEY (service, name)
);

-- The highest version number ever given out. It outlives the function, because
-- a number is never used again even after the function was deleted and made anew.
CREATE TABLE version_number (
	service TEXT COLLATE "C" NOT NULL,
	name    TEXT COLLATE "C" NOT NULL,
	last    BIGINT NOT NULL,
	PRIMARY KEY (service, name)
);

CREATE TABLE version (
	service       TEXT COLLATE "C" NOT NULL,
	name          TEXT COLLATE "C" NOT NULL,
	number        BIGINT NOT NULL CHECK (number >= 0), -- 0 is $LATEST
	revision_id   TEXT COLLATE "C" NOT NULL,
	runtime       TEXT COLLATE "C" NOT NULL,
	code_digest   TEXT COLLATE "C" NOT NULL,
	code_size     BIGINT NOT NULL,
	state         TEXT COLLATE "C" NOT NULL,
	update_status TEXT COLLATE "C" NOT NULL,
	last_modified BIGINT NOT NULL,
	settings      TEXT COLLATE "C" NOT NULL, -- JSON object, see version.go
	PRIMARY KEY (service, name, number),
	FOREIGN KEY (service, name) REFERENCES function (service, name) ON DELETE CASCADE
);

CREATE UNIQUE INDEX version_latest ON version (service, name) WHERE number = 0;
CREATE INDEX version_code ON version (code_digest, service, code_size);

CREATE TABLE function_url (
	id            TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	service       TEXT COLLATE "C" NOT NULL,
	name          TEXT COLLATE "C" NOT NULL,
	qualifier     TEXT COLLATE "C" NOT NULL, -- '' is $LATEST
	auth_type     TEXT COLLATE "C" NOT NULL,
	invoke_mode   TEXT COLLATE "C" NOT NULL,
	cors          TEXT COLLATE "C" NOT NULL, -- JSON object or null
	created_at    BIGINT NOT NULL,
	last_modified BIGINT NOT NULL,
	UNIQUE (service, name, qualifier),
	FOREIGN KEY (service, name) REFERENCES function (service, name) ON DELETE CASCADE
);

-- +goose Down
DROP TABLE function_url;
DROP TABLE version;
DROP TABLE version_number;
DROP TABLE function;
