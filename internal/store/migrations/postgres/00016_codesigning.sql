-- Who signs packages, and whose signature the code of functions must have.

-- +goose Up
CREATE TABLE publisher (
	service    TEXT COLLATE "C" NOT NULL,
	name       TEXT COLLATE "C" NOT NULL,
	version    TEXT COLLATE "C" NOT NULL, -- made from the key
	public_key BYTEA NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (service, name, version)
);

CREATE TABLE code_signing_config (
	service       TEXT COLLATE "C" NOT NULL,
	id            TEXT COLLATE "C" NOT NULL,
	last_modified BIGINT NOT NULL,
	settings      TEXT COLLATE "C" NOT NULL, -- JSON object, see codesigning.go
	PRIMARY KEY (service, id)
);

CREATE TABLE function_code_signing (
	service TEXT COLLATE "C" NOT NULL,
	name    TEXT COLLATE "C" NOT NULL,
	config  TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (service, name),
	FOREIGN KEY (service, name) REFERENCES function (service, name) ON DELETE CASCADE,
	FOREIGN KEY (service, config) REFERENCES code_signing_config (service, id)
);

CREATE INDEX function_code_signing_config ON function_code_signing (service, config, name);

-- +goose Down
DROP TABLE function_code_signing;
DROP TABLE code_signing_config;
DROP TABLE publisher;
