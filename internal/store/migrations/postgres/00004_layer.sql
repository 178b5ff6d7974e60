-- Layers: files that functions share, in immutable versions. What a function's
-- version takes of them stands in its own settings; version_layer says which
-- content is in use, also after the layer version was deleted.

-- +goose Up
CREATE TABLE layer_version (
	service       TEXT COLLATE "C" NOT NULL,
	name          TEXT COLLATE "C" NOT NULL,
	number        BIGINT           NOT NULL CHECK (number > 0),
	code_digest   TEXT COLLATE "C" NOT NULL,
	code_size     BIGINT           NOT NULL,
	runtimes      TEXT COLLATE "C" NOT NULL, -- each between two spaces, '' = not said
	architectures TEXT COLLATE "C" NOT NULL, -- the same
	created_at    BIGINT           NOT NULL,
	settings      TEXT COLLATE "C" NOT NULL, -- JSON object, see layer.go
	PRIMARY KEY (service, name, number)
);

-- The highest number ever given out, as version_number is for functions.
CREATE TABLE layer_number (
	service TEXT COLLATE "C" NOT NULL,
	name    TEXT COLLATE "C" NOT NULL,
	last    BIGINT           NOT NULL,
	PRIMARY KEY (service, name)
);

CREATE TABLE version_layer (
	service     TEXT COLLATE "C" NOT NULL,
	name        TEXT COLLATE "C" NOT NULL,
	number      BIGINT NOT NULL,
	code_digest TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (service, name, number, code_digest),
	FOREIGN KEY (service, name, number) REFERENCES version (service, name, number) ON DELETE CASCADE
);

-- +goose Down
DROP TABLE version_layer;
DROP TABLE layer_number;
DROP TABLE layer_version;
