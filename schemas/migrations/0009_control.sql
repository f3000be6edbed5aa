-- +goose Up
-- Controls between the systems: the runs of the checks and what they found. Times (*_us) are epoch microseconds UTC.
CREATE TABLE control_run (
    seq       INTEGER PRIMARY KEY,             -- 1, 2, …
    whole     INTEGER NOT NULL CHECK (whole IN (0, 1)), -- 1: looked at everything, not only at what moved
    log_seq   INTEGER NOT NULL,                -- end of the log of state moves that it saw: the next run begins there
    checks    INTEGER NOT NULL,
    hits      INTEGER NOT NULL,
    raised    INTEGER NOT NULL,                -- findings that are new
    gone      INTEGER NOT NULL,                -- findings that were not seen any more
    at_us     INTEGER NOT NULL
) STRICT;
CREATE INDEX control_run_whole ON control_run (seq) WHERE whole = 1;

-- A finding stays until its check does not see it any more (GONE) or two people accept it as it is (RESOLVED).
-- What was accepted is raised again when its facts are others.
CREATE TABLE control_finding (
    id         TEXT PRIMARY KEY,
    check_id   TEXT NOT NULL,
    ref        TEXT NOT NULL,                  -- payment, refund, batch, …: what it is about
    detail     TEXT NOT NULL,                  -- the facts: name=value
    priority   INTEGER NOT NULL CHECK (priority BETWEEN 1 AND 5),
    state      TEXT NOT NULL CHECK (state IN ('OPEN','PROPOSED','RESOLVED','GONE')),
    first_run  INTEGER NOT NULL REFERENCES control_run (seq),
    last_run   INTEGER NOT NULL REFERENCES control_run (seq), -- that looked at it and saw it, or did not any more
    maker      TEXT NOT NULL DEFAULT '',
    reason     TEXT NOT NULL DEFAULT '',
    checker    TEXT NOT NULL DEFAULT '',
    version    INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    CHECK (checker = '' OR checker <> maker),
    CHECK ((state = 'RESOLVED') = (checker <> ''))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX control_finding_open ON control_finding (check_id, ref) WHERE state IN ('OPEN','PROPOSED');
CREATE INDEX control_finding_resolved ON control_finding (check_id, ref) WHERE state = 'RESOLVED';

-- +goose StatementBegin
CREATE TRIGGER control_finding_ends BEFORE UPDATE ON control_finding
WHEN OLD.state IN ('RESOLVED','GONE') OR NEW.id <> OLD.id OR NEW.check_id <> OLD.check_id OR NEW.ref <> OLD.ref
BEGIN SELECT RAISE(ABORT, 'control_finding: what has ended stays as it is'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER control_finding_no_delete BEFORE DELETE ON control_finding BEGIN SELECT RAISE(ABORT, 'a finding is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER control_run_no_delete BEFORE DELETE ON control_run BEGIN SELECT RAISE(ABORT, 'control_run is append-only'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE control_finding; DROP TABLE control_run;
