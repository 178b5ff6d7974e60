-- Who signs packages, and whose signature the code of functions must have.

-- +goose Up
CREATE TABLE publisher (
	service    TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	version    TEXT    NOT NULL, -- made from the key
	public_key BLOB    NOT NULL,
	created_at INTEGER NOT NULL,
	PRIMARY KEY (service, name, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE code_signing_config (
	service       TEXT    NOT NULL,
	id            TEXT    NOT NULL,
	last_modified INTEGER NOT NULL,
	settings      TEXT    NOT NULL, -- JSON object, see codesigning.go
	PRIMARY KEY (service, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE function_code_signing (
	service TEXT    NOT NULL,
	name    TEXT    NOT NULL,
	config  TEXT    NOT NULL,
	PRIMARY KEY (service, name),
	FOREIGN KEY (service, name) REFERENCES function (service, name) ON DELETE CASCADE,
	FOREIGN KEY (service, config) REFERENCES code_signing_config (service, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX function_code_signing_config ON function_code_signing (service, config, name);

-- +goose Down
DROP TABLE function_code_signing;
DROP TABLE code_signing_config;
DROP TABLE publisher;
