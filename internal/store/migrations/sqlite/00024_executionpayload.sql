-- +goose Up

-- Payloads in the artifact store that rows of an execution's events and snapshots
-- name. One that several executions name is there several times.
CREATE TABLE execution_payload (
	execution TEXT    NOT NULL,
	digest    TEXT    NOT NULL,
	PRIMARY KEY (execution, digest)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE execution_payload;
