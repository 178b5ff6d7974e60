-- How asynchronous invocations of a function's qualifier are done.

-- +goose Up
CREATE TABLE event_invoke_config (
	service       TEXT COLLATE "C" NOT NULL,
	name          TEXT COLLATE "C" NOT NULL,
	qualifier     TEXT COLLATE "C" NOT NULL, -- '' is $LATEST
	last_modified BIGINT  NOT NULL,
	settings      TEXT COLLATE "C" NOT NULL, -- JSON object, see eventinvokeconfig.go
	PRIMARY KEY (service, name, qualifier),
	FOREIGN KEY (service, name) REFERENCES function (service, name) ON DELETE CASCADE
);

-- +goose Down
DROP TABLE event_invoke_config;
