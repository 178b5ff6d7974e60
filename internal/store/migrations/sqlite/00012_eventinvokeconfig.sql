-- How asynchronous invocations of a function's qualifier are done.

-- +goose Up
CREATE TABLE event_invoke_config (
	service       TEXT    NOT NULL,
	name          TEXT    NOT NULL,
	qualifier     TEXT    NOT NULL, -- '' is $LATEST
	last_modified INTEGER NOT NULL,
	settings      TEXT    NOT NULL, -- JSON object, see eventinvokeconfig.go
	PRIMARY KEY (service, name, qualifier),
	FOREIGN KEY (service, name) REFERENCES function (service, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE event_invoke_config;
