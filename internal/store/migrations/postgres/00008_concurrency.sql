-- Reserved concurrency of functions, and instances that are kept ready for a
-- version or an alias.

-- +goose Up
CREATE TABLE reserved_concurrency (
	service    TEXT COLLATE "C" NOT NULL,
	name       TEXT COLLATE "C" NOT NULL,
	executions BIGINT NOT NULL CHECK (executions >= 0),
	PRIMARY KEY (service, name),
	FOREIGN KEY (service, name) REFERENCES function (service, name) ON DELETE CASCADE
);

CREATE TABLE provisioned_concurrency (
	service       TEXT COLLATE "C" NOT NULL,
	name          TEXT COLLATE "C" NOT NULL,
	qualifier     TEXT COLLATE "C" NOT NULL, -- version number or alias
	executions    BIGINT NOT NULL CHECK (executions > 0),
	last_modified BIGINT NOT NULL,
	PRIMARY KEY (service, name, qualifier),
	FOREIGN KEY (service, name) REFERENCES function (service, name) ON DELETE CASCADE
);

-- +goose Down
DROP TABLE provisioned_concurrency;
DROP TABLE reserved_concurrency;
