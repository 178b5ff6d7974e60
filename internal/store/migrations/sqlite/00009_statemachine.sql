-- State machines, their executions, activities and map runs.
-- Times are milliseconds since 1970 in UTC and always come from the caller; 0 is none.

-- +goose Up
CREATE TABLE state_machine (
	service      TEXT    NOT NULL,
	name         TEXT    NOT NULL,
	type         TEXT    NOT NULL, -- STANDARD or EXPRESS
	created_at   INTEGER NOT NULL,
	deleting     INTEGER NOT NULL,
	revision     TEXT    NOT NULL, -- the current one
	tags         TEXT    NOT NULL, -- JSON object
	PRIMARY KEY (service, name)
) STRICT, WITHOUT ROWID;

-- What a state machine was at one moment. Revisions never change; versions and
-- executions refer to them, and one that nothing refers to is swept.
CREATE TABLE state_machine_revision (
	id         TEXT    NOT NULL PRIMARY KEY,
	service    TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	created_at INTEGER NOT NULL,
	definition TEXT    NOT NULL,
	settings   TEXT    NOT NULL -- JSON object, see statemachine.go
) STRICT;
CREATE INDEX state_machine_revision_of ON state_machine_revision (service, name);

-- The highest version number ever given out; it outlives the state machine.
CREATE TABLE state_machine_version_number (
	service TEXT    NOT NULL,
	name    TEXT    NOT NULL,
	last    INTEGER NOT NULL,
	PRIMARY KEY (service, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE state_machine_version (
	service     TEXT    NOT NULL,
	name        TEXT    NOT NULL,
	number      INTEGER NOT NULL,
	revision    TEXT    NOT NULL,
	description TEXT    NOT NULL,
	created_at  INTEGER NOT NULL,
	PRIMARY KEY (service, name, number),
	FOREIGN KEY (service, name) REFERENCES state_machine (service, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX state_machine_version_revision ON state_machine_version (revision);

CREATE TABLE state_machine_alias (
	service     TEXT    NOT NULL,
	name        TEXT    NOT NULL,
	alias       TEXT    NOT NULL,
	description TEXT    NOT NULL,
	routing     TEXT    NOT NULL, -- JSON array of version and weight
	created_at  INTEGER NOT NULL,
	updated_at  INTEGER NOT NULL,
	PRIMARY KEY (service, name, alias),
	FOREIGN KEY (service, name) REFERENCES state_machine (service, name) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE execution (
	id            TEXT    NOT NULL PRIMARY KEY, -- grows with time
	service       TEXT    NOT NULL,
	machine       TEXT    NOT NULL, -- as in the ARN: NAME, or NAME/LABEL for children of a map run
	name          TEXT    NOT NULL,
	status        TEXT    NOT NULL,
	started_at    INTEGER NOT NULL,
	stopped_at    INTEGER NOT NULL,
	redrive_count INTEGER NOT NULL,
	redriven_at   INTEGER NOT NULL,
	revision      TEXT    NOT NULL,
	version       INTEGER NOT NULL, -- 0 = started without
	alias         TEXT    NOT NULL,
	map_run       TEXT    NOT NULL, -- of a child; '' = none
	item          INTEGER NOT NULL, -- of a child: which input it has
	parent        TEXT    NOT NULL, -- who waits for its end; '' = nobody
	parent_op     INTEGER NOT NULL,
	input         TEXT    NOT NULL,
	outcome       TEXT    NOT NULL, -- JSON object: output, or error and cause
	settings      TEXT    NOT NULL, -- JSON object, see execution.go
	UNIQUE (service, machine, name)
) STRICT;
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
	execution TEXT    NOT NULL,
	sequence  INTEGER NOT NULL,
	events    BLOB    NOT NULL, -- JSON array, see package workflow
	PRIMARY KEY (execution, sequence)
) STRICT, WITHOUT ROWID;

-- What folding the rows up to a sequence yields. Derived; may be thrown away.
CREATE TABLE execution_snapshot (
	execution  TEXT    NOT NULL,
	sequence   INTEGER NOT NULL,
	last_event INTEGER NOT NULL, -- id of the last history event by then
	state      BLOB    NOT NULL, -- JSON object
	PRIMARY KEY (execution, sequence)
) STRICT, WITHOUT ROWID;

-- Tasks that wait for a token: an activity's, a callback's.
CREATE TABLE execution_task (
	execution    TEXT    NOT NULL,
	op           INTEGER NOT NULL,
	service      TEXT    NOT NULL,
	activity     TEXT    NOT NULL, -- '' = not one of an activity
	token        TEXT    NOT NULL,
	worker       TEXT    NOT NULL,
	taken        INTEGER NOT NULL, -- 0 = an activity's, waiting for a worker
	created_at   INTEGER NOT NULL,
	heartbeat_at INTEGER NOT NULL,
	heartbeat_s  INTEGER NOT NULL, -- 0 = none is expected
	input        TEXT    NOT NULL,
	PRIMARY KEY (execution, op)
) STRICT, WITHOUT ROWID;
CREATE INDEX execution_task_waiting ON execution_task (service, activity, created_at, execution, op) WHERE taken = 0;

CREATE TABLE activity (
	service    TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	created_at INTEGER NOT NULL,
	tags       TEXT    NOT NULL, -- JSON object
	PRIMARY KEY (service, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE map_run (
	id                   TEXT    NOT NULL PRIMARY KEY,
	execution            TEXT    NOT NULL, -- the parent
	op                   INTEGER NOT NULL, -- what the parent waits for
	service              TEXT    NOT NULL,
	machine              TEXT    NOT NULL,
	label                TEXT    NOT NULL,
	status               TEXT    NOT NULL,
	started_at           INTEGER NOT NULL,
	stopped_at           INTEGER NOT NULL,
	redrive_count        INTEGER NOT NULL,
	redriven_at          INTEGER NOT NULL,
	max_concurrency      INTEGER NOT NULL,
	tolerated_count      INTEGER NOT NULL, -- -1 = not set
	tolerated_percentage INTEGER NOT NULL, -- in millionths of a percent; negative = not set
	items                INTEGER NOT NULL, -- -1 = not read yet
	children             INTEGER NOT NULL, -- executions that there are to be; -1 = not known yet
	results_written      INTEGER NOT NULL,
	plan                 TEXT    NOT NULL  -- JSON object: what asl asked for
) STRICT;
CREATE INDEX map_run_of ON map_run (execution, started_at, id);

-- What became of a map run's children.
CREATE TABLE map_run_child (
	map_run  TEXT    NOT NULL,
	item     INTEGER NOT NULL,
	status   TEXT    NOT NULL,
	items    INTEGER NOT NULL, -- how many items it had
	outcome  TEXT    NOT NULL, -- JSON object: execution, times, output or error and cause
	PRIMARY KEY (map_run, item)
) STRICT, WITHOUT ROWID;

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
