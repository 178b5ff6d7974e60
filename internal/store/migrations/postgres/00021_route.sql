-- HTTP routes: what of requests belongs to which trigger, and the API keys of
-- their callers. Times are milliseconds since 1970 in UTC; 0 is none.

-- +goose Up
CREATE TABLE route (
	host       TEXT COLLATE "C" NOT NULL, -- lower-case; *.PARENT; '' = any that no route names
	method     TEXT COLLATE "C" NOT NULL, -- upper-case; ANY
	path       TEXT COLLATE "C" NOT NULL, -- without the names of its parameters
	trigger_id TEXT COLLATE "C" NOT NULL REFERENCES triggers (id) ON DELETE CASCADE,
	service    TEXT COLLATE "C" NOT NULL,
	parent     TEXT COLLATE "C" NOT NULL, -- *.PARENT of a host that is not one itself
	PRIMARY KEY (host, method, path)
);

CREATE INDEX route_trigger ON route (trigger_id);
CREATE INDEX route_parent ON route (parent, service);

CREATE TABLE api_key (
	id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	service      TEXT COLLATE "C" NOT NULL,
	name         TEXT COLLATE "C" NOT NULL,
	hash         TEXT COLLATE "C" NOT NULL UNIQUE, -- SHA-256 of the key, in hex
	enabled      BIGINT NOT NULL,                  -- 0 or 1
	created_at   BIGINT NOT NULL,
	expires_at   BIGINT NOT NULL,
	last_used_at BIGINT NOT NULL,
	triggers     TEXT COLLATE "C" NOT NULL,        -- JSON array of names; [] = all of the service
	UNIQUE (service, name)
);

-- +goose Down
DROP TABLE api_key;
DROP TABLE route;
