-- Aliases: names for one version of a function, or for two that share the
-- invocations. A version that an alias points to cannot go, but with the function.

-- +goose Up
CREATE TABLE alias (
	service       TEXT    NOT NULL,
	name          TEXT    NOT NULL,
	alias         TEXT    NOT NULL,
	version       INTEGER NOT NULL, -- 0 is $LATEST
	canary        INTEGER,          -- the second version
	weight        REAL    NOT NULL, -- of the second version, 0 to 1
	revision_id   TEXT    NOT NULL,
	last_modified INTEGER NOT NULL,
	description   TEXT    NOT NULL,
	PRIMARY KEY (service, name, alias),
	FOREIGN KEY (service, name) REFERENCES function (service, name) ON DELETE CASCADE,
	FOREIGN KEY (service, name, version) REFERENCES version (service, name, number),
	FOREIGN KEY (service, name, canary) REFERENCES version (service, name, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX alias_version ON alias (service, name, version);
CREATE INDEX alias_canary ON alias (service, name, canary);

-- +goose Down
DROP TABLE alias;
