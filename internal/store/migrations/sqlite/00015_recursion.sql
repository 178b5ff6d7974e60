-- Functions that may run in one chain of invocations as often as they like.

-- +goose Up
CREATE TABLE recursion_allowed (
	service TEXT NOT NULL,
	name    TEXT NOT NULL,
	PRIMARY KEY (service, name),
	FOREIGN KEY (service, name) REFERENCES function (service, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE recursion_allowed;
