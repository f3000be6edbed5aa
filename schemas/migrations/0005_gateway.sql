-- +goose Up
-- What is being done at the channels: one row per payment and refund, written before the first call, and one per
-- payment that came although its order needs none (EXTRA). Times (*_us) are epoch microseconds UTC.
CREATE TABLE channel_task (
    subject    TEXT NOT NULL CHECK (subject IN ('PAYMENT','REFUND','EXTRA')),
    number     TEXT NOT NULL,               -- pay_no, or refund_no of a REFUND
    account    TEXT NOT NULL,               -- account name of the configuration
    state      TEXT NOT NULL CHECK (state IN ('INTENT','SENT','CLOSING','DROPPING','DONE','STUCK')),
    tries      INTEGER NOT NULL,            -- steps taken on the ladder since the state began
    next_us    INTEGER NOT NULL,            -- when it is worked on next
    expires_us INTEGER NOT NULL,            -- of a PAYMENT: from then on the channel takes no money for it; else 0
    payer      TEXT NOT NULL,               -- JSON: what the channel wants to know of the payer; '' = nothing
    prepaid    TEXT NOT NULL,               -- JSON: what the payer was given to pay with, for ever the same; '' = nothing yet
    note       TEXT NOT NULL,               -- how the last step ended, for people
    version    INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    PRIMARY KEY (subject, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX channel_task_due ON channel_task (account, next_us) WHERE state IN ('INTENT','SENT','CLOSING','DROPPING');
CREATE INDEX channel_task_stuck ON channel_task (state, updated_us) WHERE state = 'STUCK';

-- How far the log of state moves has been read for new tasks.
CREATE TABLE channel_task_log (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL
) STRICT;
INSERT INTO channel_task_log (one, seq) VALUES (1, 0);

-- Which account a payment goes over, and why not the others.
CREATE TABLE route_choice (
    pay_no  TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    judged  TEXT NOT NULL,                  -- JSON: account, fee in millionths, reason
    at_us   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER route_choice_stays BEFORE UPDATE ON route_choice BEGIN SELECT RAISE(ABORT, 'route_choice: a choice stays'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER channel_task_prepaid_stays BEFORE UPDATE OF prepaid ON channel_task
WHEN OLD.prepaid <> '' AND NEW.prepaid <> OLD.prepaid
BEGIN SELECT RAISE(ABORT, 'channel_task: what the payer was given stays'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER channel_task_no_delete BEFORE DELETE ON channel_task BEGIN SELECT RAISE(ABORT, 'channel_task is never deleted'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE route_choice; DROP TABLE channel_task_log; DROP TABLE channel_task;
