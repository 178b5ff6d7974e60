-- HTTP routes: what of requests belongs to which trigger, and the API keys of
-- their callers. Times are milliseconds since 1970 in UTC; 0 is none.

-- +goose Up
CREATE TABLE route (
	host       TEXT NOT NULL, -- lower-case; *.PARENT; '' = any that no route names
	method     TEXT NOT NULL, -- upper-case; ANY
	path       TEXT NOT NULL, -- without the names of its parameters
	trigger_id TEXT NOT NULL REFERENCES triggers (id) ON DELETE CASCADE,
	service    TEXT NOT NULL,
	parent     TEXT NOT NULL, -- *.PARENT of a host that is not one itself
	PRIMARY KEY (host, method, path)
) STRICT, WITHOUT ROWID;

CREATE INDEX route_trigger ON route (trigger_id);
CREATE INDEX route_parent ON route (parent, service);

CREATE TABLE api_key (
	id           TEXT NOT NULL PRIMARY KEY,
	service      TEXT NOT NULL,
	name         TEXT NOT NULL,
	hash         TEXT NOT NULL UNIQUE, -- SHA-256 of the key, in hex
	enabled      INTEGER NOT NULL,     -- 0 or 1
	created_at   INTEGER NOT NULL,
	expires_at   INTEGER NOT NULL,
	last_used_at INTEGER NOT NULL,
	triggers     TEXT NOT NULL,        -- JSON array of names; [] = all of the service
	UNIQUE (service, name)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE api_key;
DROP TABLE route;
