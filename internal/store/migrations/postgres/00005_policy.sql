-- Policies: who else may use a function (or one of its versions and aliases), or a
-- version of a layer.

-- +goose Up
CREATE TABLE function_policy (
	service     TEXT COLLATE "C" NOT NULL,
	name        TEXT COLLATE "C" NOT NULL,
	qualifier   TEXT COLLATE "C" NOT NULL, -- '' is the function
	revision_id TEXT COLLATE "C" NOT NULL,
	statements  TEXT COLLATE "C" NOT NULL, -- JSON array, see policy.go
	PRIMARY KEY (service, name, qualifier),
	FOREIGN KEY (service, name) REFERENCES function (service, name) ON DELETE CASCADE
);

CREATE TABLE layer_policy (
	service     TEXT COLLATE "C" NOT NULL,
	name        TEXT COLLATE "C" NOT NULL,
	number      BIGINT NOT NULL,
	revision_id TEXT COLLATE "C" NOT NULL,
	statements  TEXT COLLATE "C" NOT NULL, -- JSON array
	PRIMARY KEY (service, name, number),
	FOREIGN KEY (service, name, number) REFERENCES layer_version (service, name, number) ON DELETE CASCADE
);

-- +goose Down
DROP TABLE layer_policy;
DROP TABLE function_policy;
