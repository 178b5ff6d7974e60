-- Policies: who else may use a function (or one of its versions and aliases), or a
-- version of a layer.

-- +goose Up
CREATE TABLE function_policy (
	service     TEXT NOT NULL,
	name        TEXT NOT NULL,
	qualifier   TEXT NOT NULL, -- '' is the function
	revision_id TEXT NOT NULL,
	statements  TEXT NOT NULL, -- JSON array, see policy.go
	PRIMARY KEY (service, name, qualifier),
	FOREIGN KEY (service, name) REFERENCES function (service, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE layer_policy (
	service     TEXT    NOT NULL,
	name        TEXT    NOT NULL,
	number      INTEGER NOT NULL,
	revision_id TEXT    NOT NULL,
	statements  TEXT    NOT NULL, -- JSON array
	PRIMARY KEY (service, name, number),
	FOREIGN KEY (service, name, number) REFERENCES layer_version (service, name, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- Until now a function URL without authentication was open to all; from now on a
-- policy says so.
INSERT INTO function_policy (service, name, qualifier, revision_id, statements)
SELECT service, name, qualifier, id,
	'[{"ID":"FunctionURLAllowPublicAccess","Action":"lambda:InvokeFunctionUrl","Principal":"*","URLAuthType":"NONE"}]'
FROM function_url WHERE auth_type = 'NONE';

-- +goose Down
DROP TABLE layer_policy;
DROP TABLE function_policy;
