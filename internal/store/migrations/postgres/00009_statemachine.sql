-- State machines, their executions, activities and map runs.
-- Times are milliseconds since 1970 in UTC and always come from the caller; 0 is none.

-- +goose Up
CREATE TABLE state_machine (
	service      TEXT COLLATE "C" NOT NULL,
	name         TEXT COLLATE "C" NOT NULL,
	type         TEXT COLLATE "C" NOT NULL, -- STANDARD or EXPRESS
	created_at   BIGINT NOT NULL,
	deleting     BIGINT NOT NULL,
	revision     TEXT COLLATE "C" NOT NULL, -- the current one
	tags         TEXT COLLATE "C" NOT NULL, -- JSON object
	PRIMARY KEY (service, name)
);

-- What a state machine was at one moment. Revisions never change; versions and
-- executions refer to them, and one that nothing refers to is swept.
CREATE TABLE state_machine_revision (
	id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	service    TEXT COLLATE "C" NOT NULL,
	name       TEXT COLLATE "C" NOT NULL,
	created_at BIGINT NOT NULL,
	definition TEXT COLLATE "C" NOT NULL,
	settings   TEXT COLLATE "C" NOT NULL -- JSON object, see statemachine.go
);
CREATE INDEX state_machine_revision_of ON state_machine_revision (service, name);

-- The highest version number ever given out; it outlives the state machine.
CREATE TABLE state_machine_version_number (
	service TEXT COLLATE "C" NOT NULL,
	name    TEXT COLLATE "C" NOT NULL,
	last    BIGINT NOT NULL,
	PRIMARY KEY (service, name)
);

CREATE TABLE state_machine_version (
	service     TEXT COLLATE "C" NOT NULL,
	name        TEXT COLLATE "C" NOT NULL,
	number      BIGINT NOT NULL,
	revision    TEXT COLLATE "C" NOT NULL,
	description TEXT COLLATE "C" NOT NULL,
	created_at  BIGINT NOT NULL,
	PRIMARY KEY (service, name, number),
	FOREIGN KEY (service, name) REFERENCES state_machine (service, name) ON DELETE CASCADE
);
CREATE INDEX state_machine_version_revision ON state_machine_version (revision);

CREATE TABLE state_machine_alias (
	service     TEXT COLLATE "C" NOT NULL,
	name        TEXT COLLATE "C" NOT NULL,
	alias       TEXT COLLATE "C" NOT NULL,
	description TEXT COLLATE "C" NOT NULL,
	routing     TEXT COLLATE "C" NOT NULL, -- JSON array of version and weight
	created_at  BIGINT NOT NULL,
	updated_at  BIGINT NOT NULL,
	PRIMARY KEY (service, name, alias),
	FOREIGN KEY (service, name) REFERENCES state_machine (service, name) ON DELETE CASCADE
);

CREATE TABLE execution (
	id            TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- grows with time
	service       TEXT COLLATE "C" NOT NULL,
	machine       TEXT COLLATE "C" NOT NULL, -- as in the ARN: NAME, or NAME/LABEL for children of a map run
	name          TEXT COLLATE "C" NOT NULL,
	status        TEXT COLLATE "C" NOT NULL,
	started_at    BIGINT NOT NULL,
	stopped_at    BIGINT NOT NULL,
	redrive_count BIGINT NOT NULL,
	redriven_at   BIGINT NOT NULL,
	revision      TEXT COLLATE "C" NOT NULL,
	version       BIGINT NOT NULL, -- 0 = started without
	alias         TEXT COLLATE "C" NOT NULL,
	map_run       TEXT COLLATE "C" NOT NULL, -- of a child; '' = none
	item          BIGINT NOT NULL, -- of a child: which input it has
	parent        TEXT COLLATE "C" NOT NULL, -- who waits for its end; '' = nobody
	parent_op     BIGINT NOT NULL,
	input         TEXT COLLATE "C" NOT NULL,
	outcome       TEXT COLLATE "C" NOT NULL, -- JSON object: output, or error and cause
	settings      TEXT COLLATE "C" NOT NULL, -- JSON object, see execution.go
	UNIQUE (service, machine, name)
);
CREATE INDEX execution_listed ON execution (service, machine, started_at, id);
CREATE INDEX execution_status ON execution (service, machine, status, started_at, id);
CREATE INDEX execution_alias ON execution (service, machine, alias, started_at, id) WHERE alias <> '';
CREATE INDEX execution_version ON execution (service, machine, version, started_at, id) WHERE version <> 0;
CREATE INDEX execution_map_run ON execution (map_run, status, started_at, id) WHERE map_run <> '';
CREATE INDEX execution_parent ON execution (parent, parent_op) WHERE parent <> '';
CREATE INDEX execution_revision ON execution (revision);
CREATE INDEX execution_stopped ON execution (stopped_at, id) WHERE stopped_at <> 0;

-- The authority on an execution. A row is what one decision or more took from
-- outside: events, each with the environment it was decided in. To insert a row
-- under the next sequence is the compare-and-set.
CREATE TABLE execution_event (
	execution TEXT COLLATE "C" NOT NULL,
	sequence  BIGINT NOT NULL,
	events    BYTEA    NOT NULL, -- JSON array, see package workflow
	PRIMARY KEY (execution, sequence)
);

-- What folding the rows up to a sequence yields. Derived; may be thrown away.
CREATE TABLE execution_snapshot (
	execution  TEXT COLLATE "C" NOT NULL,
	sequence   BIGINT NOT NULL,
	last_event BIGINT NOT NULL, -- id of the last history event by then
	state      BYTEA    NOT NULL, -- JSON object
	PRIMARY KEY (execution, sequence)
);

-- Tasks that wait for a token: an activity's, a callback's.
CREATE TABLE execution_task (
	execution    TEXT COLLATE "C" NOT NULL,
	op           BIGINT NOT NULL,
	service      TEXT COLLATE "C" NOT NULL,
	activity     TEXT COLLATE "C" NOT NULL, -- '' = not one of an activity
	token        TEXT COLLATE "C" NOT NULL,
	worker       TEXT COLLATE "C" NOT NULL,
	taken        BIGINT NOT NULL, -- 0 = an activity's, waiting for a worker
	created_at   BIGINT NOT NULL,
	heartbeat_at BIGINT NOT NULL,
	heartbeat_s  BIGINT NOT NULL, -- 0 = none is expected
	input        TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (execution, op)
);
CREATE INDEX execution_task_waiting ON execution_task (service, activity, created_at, execution, op) WHERE taken = 0;

CREATE TABLE activity (
	service    TEXT COLLATE "C" NOT NULL,
	name       TEXT COLLATE "C" NOT NULL,
	created_at BIGINT NOT NULL,
	tags       TEXT COLLATE "C" NOT NULL, -- JSON object
	PRIMARY KEY (service, name)
);

CREATE TABLE map_run (
	id                   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
	execution            TEXT COLLATE "C" NOT NULL, -- the parent
	op                   BIGINT NOT NULL, -- what the parent waits for
	service              TEXT COLLATE "C" NOT NULL,
	machine              TEXT COLLATE "C" NOT NULL,
	label                TEXT COLLATE "C" NOT NULL,
	status               TEXT COLLATE "C" NOT NULL,
	started_at           BIGINT NOT NULL,
	stopped_at           BIGINT NOT NULL,
	redrive_count        BIGINT NOT NULL,
	redriven_at          BIGINT NOT NULL,
	max_concurrency      BIGINT NOT NULL,
	tolerated_count      BIGINT NOT NULL, -- -1 = not set
	tolerated_percentage BIGINT NOT NULL, -- in millionths of a percent; negative = not set
	items                BIGINT NOT NULL, -- -1 = not read yet
	children             BIGINT NOT NULL, -- executions that there are to be; -1 = not known yet
	results_written      BIGINT NOT NULL,
	plan                 TEXT COLLATE "C" NOT NULL  -- JSON object: what asl asked for
);
CREATE INDEX map_run_of ON map_run (execution, started_at, id);

-- What became of a map run's children.
CREATE TABLE map_run_child (
	map_run  TEXT COLLATE "C" NOT NULL,
	item     BIGINT NOT NULL,
	status   TEXT COLLATE "C" NOT NULL,
	items    BIGINT NOT NULL, -- how many items it had
	outcome  TEXT COLLATE "C" NOT NULL, -- JSON object: execution, times, output or error and cause
	PRIMARY KEY (map_run, item)
);

-- +goose Down
DROP TABLE map_run_child;
DROP TABLE map_run;
DROP TABLE activity;
DROP TABLE execution_task;
DROP TABLE execution_snapshot;
DROP TABLE execution_event;
DROP TABLE execution;
DROP TABLE state_machine_alias;
DROP TABLE state_machine_version;
DROP TABLE state_machine_version_number;
DROP TABLE state_machine_revision;
DROP TABLE state_machine;
