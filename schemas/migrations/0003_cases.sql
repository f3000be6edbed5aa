-- +goose Up
-- Cases: differences in the hands of people, what the runs say about them, what people did, and the fixes that are
-- to be applied. Times are epoch milliseconds UTC; dates are TEXT 2006-01-02; amounts are minor units.
CREATE TABLE recon_case (
    id            TEXT PRIMARY KEY,
    channel       TEXT NOT NULL,
    account       TEXT NOT NULL,              -- account name of the configuration
    kind          TEXT NOT NULL,
    key           TEXT NOT NULL,
    currency      TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('OPEN','PROPOSED','RESOLVED','AUTO_FIXED','WITHDRAWN')),
    class         TEXT NOT NULL,
    flag          TEXT NOT NULL,              -- 'FIX_CONTRADICTED' or ''
    cell          TEXT NOT NULL,
    priority      INTEGER NOT NULL CHECK (priority BETWEEN 1 AND 5),
    owner         TEXT NOT NULL,
    first_seen    TEXT NOT NULL,
    last_seen     TEXT NOT NULL,
    due_on        TEXT NOT NULL,
    local_minor   INTEGER NOT NULL,
    channel_minor INTEGER NOT NULL,
    suspend_minor INTEGER NOT NULL,           -- what it holds in suspense now, signed
    reason        TEXT NOT NULL,
    evidence      TEXT NOT NULL,
    version       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX recon_case_open ON recon_case (account, state);
CREATE INDEX recon_case_by_key ON recon_case (account, kind, key);

-- What the current run of each bill date found. A run replaces the findings of its own date, and of no other.
CREATE TABLE case_finding (
    case_id       TEXT NOT NULL REFERENCES recon_case (id) DEFERRABLE INITIALLY DEFERRED,
    bill_date     TEXT NOT NULL,
    evidence      TEXT NOT NULL,
    copy          INTEGER NOT NULL,           -- 1, 2, … among findings with the same facts
    account       TEXT NOT NULL,
    run_id        TEXT NOT NULL,              -- the run that found it first
    state         TEXT NOT NULL CHECK (state IN ('OPEN','FIXED','RESOLVED')),
    proposal_id   INTEGER,                    -- RESOLVED: the proposal that did it
    class         TEXT NOT NULL,
    cell          TEXT NOT NULL,
    action        TEXT NOT NULL CHECK (action IN ('AUTO','MANUAL')),
    priority      INTEGER NOT NULL,
    due_days      INTEGER NOT NULL,
    local_minor   INTEGER NOT NULL,
    channel_minor INTEGER NOT NULL,
    fee_delta     INTEGER NOT NULL,
    exposure      INTEGER NOT NULL,           -- held in suspense while it is OPEN and MANUAL
    reason        TEXT NOT NULL,
    why           TEXT NOT NULL,              -- why it is not fixed by itself
    fixes         TEXT NOT NULL,              -- JSON: AUTO what is applied, MANUAL what may be proposed
    PRIMARY KEY (case_id, bill_date, evidence, copy)
) STRICT, WITHOUT ROWID;
CREATE INDEX case_finding_by_date ON case_finding (account, bill_date);

-- Rows of other days that a run matched: what was found about them on earlier dates is no difference any more.
CREATE TABLE case_explained (
    account   TEXT NOT NULL,
    kind      TEXT NOT NULL,
    key       TEXT NOT NULL,
    bill_date TEXT NOT NULL,                  -- of the run that matched
    reason    TEXT NOT NULL,
    PRIMARY KEY (account, kind, key, bill_date)
) STRICT, WITHOUT ROWID;
CREATE INDEX case_explained_by_date ON case_explained (account, bill_date);

-- Fixes that are to be applied, are applied, or were given up. The books' own table says what truly happened.
CREATE TABLE case_fix (
    seq         INTEGER PRIMARY KEY,          -- the order in which they are applied
    key         TEXT NOT NULL UNIQUE,
    case_id     TEXT NOT NULL REFERENCES recon_case (id) DEFERRABLE INITIALLY DEFERRED,
    account     TEXT NOT NULL,
    bill_date   TEXT NOT NULL,
    kind        TEXT NOT NULL,
    cell        TEXT NOT NULL,
    currency    TEXT NOT NULL,
    minor       INTEGER NOT NULL,             -- suspense: the signed change of what is held; else the money at stake
    proposal_id INTEGER,                      -- NULL: by itself
    state       TEXT NOT NULL CHECK (state IN ('PENDING','APPLIED','REFUSED','VOID','REVERSED')),
    fix         TEXT NOT NULL,                -- JSON schemas.Fix
    run_id      TEXT NOT NULL,                -- the run, or approval, that last asked for it
    reason      TEXT NOT NULL,                -- of a refusal
    seen        INTEGER NOT NULL              -- 1: people have since closed the case knowing of this fix
) STRICT;
CREATE INDEX case_fix_by_case ON case_fix (case_id);
CREATE INDEX case_fix_waiting ON case_fix (account, state, seq);

-- One proposal of a maker and its answer by a checker.
CREATE TABLE case_proposal (
    id          INTEGER PRIMARY KEY,
    case_id     TEXT NOT NULL REFERENCES recon_case (id),
    what        TEXT NOT NULL,                -- 'ACCEPT' or a kind of fix
    maker       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    evidence    TEXT NOT NULL,                -- what the maker saw
    cell        TEXT NOT NULL,
    state       TEXT NOT NULL CHECK (state IN ('PENDING','APPROVED','REJECTED','VOID','FAILED')),
    checker     TEXT NOT NULL,
    answer      TEXT NOT NULL,                -- why it was rejected, void or failed
    made_at     INTEGER NOT NULL,
    answered_at INTEGER,
    CHECK (checker = '' OR checker <> maker OR state = 'REJECTED')
) STRICT;
CREATE UNIQUE INDEX case_proposal_one ON case_proposal (case_id) WHERE state = 'PENDING';

-- The history of a case; comments stand in it.
CREATE TABLE case_event (
    id      INTEGER PRIMARY KEY,
    case_id TEXT NOT NULL REFERENCES recon_case (id) DEFERRABLE INITIALLY DEFERRED,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,                    -- a person, or 'auto'
    what    TEXT NOT NULL,
    note    TEXT NOT NULL,
    version INTEGER NOT NULL                  -- of the case after it
) STRICT;
CREATE INDEX case_event_by_case ON case_event (case_id, id);

-- +goose StatementBegin
CREATE TRIGGER case_event_no_update BEFORE UPDATE ON case_event BEGIN SELECT RAISE(ABORT, 'case_event is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER case_event_no_delete BEFORE DELETE ON case_event BEGIN SELECT RAISE(ABORT, 'case_event is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER case_event_no_replace BEFORE INSERT ON case_event WHEN EXISTS (SELECT 1 FROM case_event WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'case_event is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER recon_case_no_delete BEFORE DELETE ON recon_case BEGIN SELECT RAISE(ABORT, 'a case is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER case_proposal_no_delete BEFORE DELETE ON case_proposal BEGIN SELECT RAISE(ABORT, 'a proposal is never deleted'); END;
-- +goose StatementEnd

-- Alerts to people, one row a sink, so that one that could not be sent is seen.
CREATE TABLE alert (
    id         INTEGER PRIMARY KEY,
    sink       TEXT NOT NULL,                 -- its name in the configuration
    account    TEXT NOT NULL,
    bill_date  TEXT NOT NULL,
    payload    TEXT NOT NULL,                 -- JSON; holds no secret and no address
    state      TEXT NOT NULL CHECK (state IN ('PENDING','SENT','FAILED')),
    tries      INTEGER NOT NULL,
    last_error TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX alert_unsent ON alert (id) WHERE state <> 'SENT';

-- +goose Down
DROP TABLE alert; DROP TABLE case_event; DROP TABLE case_proposal; DROP TABLE case_fix; DROP TABLE case_explained;
DROP TABLE case_finding; DROP TABLE recon_case;
