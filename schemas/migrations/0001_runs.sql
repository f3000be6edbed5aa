-- +goose Up
-- Runs, their stages, leases, fetch attempts and statements. Times are epoch milliseconds UTC; dates are TEXT 2006-01-02.
CREATE TABLE run (
    id           TEXT PRIMARY KEY,
    account      TEXT NOT NULL,              -- account name of the configuration
    bill_date    TEXT NOT NULL,
    attempt      INTEGER NOT NULL,           -- 1, 2, …; append-only
    state        TEXT NOT NULL CHECK (state IN ('RUNNING','DONE','FAILED','VERIFICATION')),
    verdict      TEXT NOT NULL DEFAULT '',
    exit_code    INTEGER NOT NULL DEFAULT 0,
    error_id     TEXT NOT NULL DEFAULT '',
    stage        TEXT NOT NULL DEFAULT '',   -- the stage it is in, or failed in
    summary      TEXT NOT NULL DEFAULT '',   -- JSON for status and trend
    digest       TEXT NOT NULL DEFAULT '',   -- digest of the last manifest
    started_at   INTEGER NOT NULL,
    finished_at  INTEGER,
    UNIQUE (account, bill_date, attempt)
) STRICT;

-- The current attempt of a day: one pointer, moved by one update.
CREATE TABLE current_run (
    account   TEXT NOT NULL,
    bill_date TEXT NOT NULL,
    run_id    TEXT NOT NULL REFERENCES run(id),
    stale     INTEGER NOT NULL DEFAULT 0,    -- 1: the day before changed after this run
    PRIMARY KEY (account, bill_date)
) STRICT, WITHOUT ROWID;

CREATE TABLE lease (
    name       TEXT PRIMARY KEY,             -- account + bill date, or "apply"
    token      INTEGER NOT NULL,             -- fencing token: grows with every change of holder
    holder     TEXT NOT NULL,                -- host, pid, start: for people
    stage      TEXT NOT NULL DEFAULT '',
    started_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The outer retry ladder: one row per attempt to fetch a statement.
CREATE TABLE fetch_attempt (
    account    TEXT NOT NULL,
    bill_date  TEXT NOT NULL,
    statement  TEXT NOT NULL,                -- TRADE, FUND, BANK with its variant
    attempt    INTEGER NOT NULL,
    state      TEXT NOT NULL,                -- NOT_READY, EMPTY_CONFIRMED, LATE, FAILED, FETCHED
    detail     TEXT NOT NULL DEFAULT '',
    at         INTEGER NOT NULL,
    next_at    INTEGER,                      -- when to try again; NULL: not again
    PRIMARY KEY (account, bill_date, statement, attempt)
) STRICT, WITHOUT ROWID;

-- Every version of every statement that was ever fetched.
CREATE TABLE statement (
    account    TEXT NOT NULL,
    bill_date  TEXT NOT NULL,
    statement  TEXT NOT NULL,
    version    INTEGER NOT NULL,             -- 1, 2, … as re-issued
    digest     TEXT NOT NULL,                -- sha256 over the sorted hashes of its files
    fetched    TEXT NOT NULL,                -- JSON schemas.Fetched
    accepted   INTEGER NOT NULL,             -- 1: used; a re-issue waits for --accept-reissue
    at         INTEGER NOT NULL,
    PRIMARY KEY (account, bill_date, statement, version),
    UNIQUE (account, bill_date, statement, digest)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE statement; DROP TABLE fetch_attempt; DROP TABLE lease; DROP TABLE current_run; DROP TABLE run;
