-- Aliases: names for one version of a function, or for two that share the
-- invocations. A version that an alias points to cannot go, but with the function.

-- +goose Up
CREATE TABLE alias (
	service       TEXT COLLATE "C" NOT NULL,
	name          TEXT COLLATE "C" NOT NULL,
	alias         TEXT COLLATE "C" NOT NULL,
	version       BIGINT           NOT NULL, -- 0 is $LATEST
	canary        BIGINT,                    -- the second version
	weight        DOUBLE PRECISION NOT NULL, -- of the second version, 0 to 1
	revision_id   TEXT COLLATE "C" NOT NULL,
	last_modified BIGINT           NOT NULL,
	description   TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (service, name, alias),
	FOREIGN KEY (service, name) REFERENCES function (service, name) ON DELETE CASCADE,
	FOREIGN KEY (service, name, version) REFERENCES version (service, name, number),
	FOREIGN KEY (service, name, canary) REFERENCES version (service, name, number)
);

CREATE INDEX alias_version ON alias (service, name, version);
CREATE INDEX alias_canary ON alias (service, name, canary);

-- +goose Down
DROP TABLE alias;
