-- Runtimes that operators added from container images.

-- +goose Up
CREATE TABLE runtime (
	id       TEXT    NOT NULL PRIMARY KEY,
	digest   TEXT    NOT NULL, -- of the image
	added_at INTEGER NOT NULL,
	document TEXT    NOT NULL -- JSON object, see runtime.go
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE runtime;
