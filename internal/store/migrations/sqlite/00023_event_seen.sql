-- Events that producers name themselves, as long as they are known again.
-- Times are milliseconds since 1970 in UTC and always come from the caller.

-- +goose Up
CREATE TABLE event_seen (
	service TEXT NOT NULL,
	source  TEXT NOT NULL,
	id      TEXT NOT NULL,
	at      INTEGER NOT NULL,
	PRIMARY KEY (service, source, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX event_seen_at ON event_seen (at);

-- +goose Down
DROP TABLE event_seen;
