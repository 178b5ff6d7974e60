-- Functions that may run in one chain of invocations as often as they like.

-- +goose Up
CREATE TABLE recursion_allowed (
	service TEXT COLLATE "C" NOT NULL,
	name    TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (service, name),
	FOREIGN KEY (service, name) REFERENCES function (service, name) ON DELETE CASCADE
);

-- +goose Down
DROP TABLE recursion_allowed;
