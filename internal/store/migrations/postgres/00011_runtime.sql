-- Runtimes that operators added from container images.

-- +goose Up
CREATE TABLE runtime (
	id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	digest   TEXT COLLATE "C" NOT NULL, -- of the image
	added_at BIGINT NOT NULL,
	document TEXT COLLATE "C" NOT NULL -- JSON object, see runtime.go
);

-- +goose Down
DROP TABLE runtime;
