-- +goose Up
-- A transfer back that was paid may come back, days or weeks later (退票). The table is made anew, for the state RETURNED.
CREATE TABLE payback_new (
    number        TEXT PRIMARY KEY,            -- of a REFUND that of the refund
    kind          TEXT NOT NULL CHECK (kind IN ('RETURN','REFUND')),
    account       TEXT NOT NULL,
    bank_ref      TEXT NOT NULL,               -- RETURN: the remittance that it gives back
    channel       TEXT NOT NULL,
    amount_minor  INTEGER NOT NULL CHECK (amount_minor > 0),
    currency      TEXT NOT NULL CHECK (length(currency) = 3),
    payee_name    TEXT NOT NULL,
    payee_account TEXT NOT NULL,
    payee_bank    TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('WAITING','PROPOSED','PAYING','SUCCESS','FAILED','CLOSED','RETURNED')),
    maker         TEXT NOT NULL,
    checker       TEXT NOT NULL,
    file          TEXT NOT NULL,               -- payout file that it stands in; '' = none yet
    out_ref       TEXT NOT NULL,               -- the bank's number of the transfer back
    version       INTEGER NOT NULL,
    created_us    INTEGER NOT NULL,
    done_us       INTEGER,                     -- NULL unless SUCCESS, or RETURNED since
    event_us      INTEGER NOT NULL,
    updated_us    INTEGER NOT NULL,
    CHECK ((kind = 'RETURN') = (bank_ref <> '')),
    CHECK (checker = '' OR checker <> maker),
    CHECK (state <> 'PAYING' OR checker <> '' AND payee_account <> ''),
    CHECK ((state IN ('SUCCESS','RETURNED')) = (done_us IS NOT NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO payback_new SELECT * FROM payback;
DROP TABLE payback;
ALTER TABLE payback_new RENAME TO payback;
CREATE INDEX payback_by_remittance ON payback (account, bank_ref);
CREATE INDEX payback_by_event ON payback (account, event_us) WHERE kind = 'RETURN';

-- What the bank said about transfers back, each of its lines once and for ever: a refund may be sent a second time under
-- its own number, and what was said about the first time says nothing about the second.
CREATE TABLE payback_answer (
    account      TEXT NOT NULL,
    bank_ref     TEXT NOT NULL CHECK (bank_ref <> ''), -- the bank's number of the line
    number       TEXT NOT NULL REFERENCES payback (number),
    state        TEXT NOT NULL CHECK (state IN ('SUCCESS','FAILED','RETURNED')),
    of_ref       TEXT NOT NULL,                -- RETURNED: the bank's number of the transfer that came back
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency     TEXT NOT NULL CHECK (length(currency) = 3),
    act          INTEGER REFERENCES settlement_act (id), -- by which two people said so; NULL: the statement did
    event_us     INTEGER NOT NULL,
    at_us        INTEGER NOT NULL,
    PRIMARY KEY (account, bank_ref),
    CHECK ((state = 'RETURNED') = (of_ref <> '')),
    CHECK (act IS NULL OR state = 'RETURNED')
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX payback_answer_returned ON payback_answer (account, of_ref) WHERE state = 'RETURNED';
CREATE INDEX payback_answer_by_number ON payback_answer (number);
CREATE INDEX payback_answer_by_event ON payback_answer (account, event_us);
INSERT INTO payback_answer SELECT account, out_ref, number, state, '', amount_minor, currency, NULL, event_us, updated_us FROM payback
    WHERE state IN ('SUCCESS','FAILED') AND out_ref <> '' ON CONFLICT (account, bank_ref) DO NOTHING;

-- +goose StatementBegin
CREATE TRIGGER payback_stays BEFORE UPDATE OF number, kind, account, bank_ref, amount_minor, currency ON payback
BEGIN SELECT RAISE(ABORT, 'payback: what it is about stays'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payback_no_delete BEFORE DELETE ON payback BEGIN SELECT RAISE(ABORT, 'a payback is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payback_answer_no_update BEFORE UPDATE ON payback_answer BEGIN SELECT RAISE(ABORT, 'payback_answer is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payback_answer_no_delete BEFORE DELETE ON payback_answer BEGIN SELECT RAISE(ABORT, 'payback_answer is append-only'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE payback_answer;
CREATE TABLE payback_new (
    number        TEXT PRIMARY KEY,            -- of a REFUND that of the refund
    kind          TEXT NOT NULL CHECK (kind IN ('RETURN','REFUND')),
    account       TEXT NOT NULL,
    bank_ref      TEXT NOT NULL,               -- RETURN: the remittance that it gives back
    channel       TEXT NOT NULL,
    amount_minor  INTEGER NOT NULL CHECK (amount_minor > 0),
    currency      TEXT NOT NULL CHECK (length(currency) = 3),
    payee_name    TEXT NOT NULL,
    payee_account TEXT NOT NULL,
    payee_bank    TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('WAITING','PROPOSED','PAYING','SUCCESS','FAILED','CLOSED')),
    maker         TEXT NOT NULL,
    checker       TEXT NOT NULL,
    file          TEXT NOT NULL,               -- payout file that it stands in; '' = none yet
    out_ref       TEXT NOT NULL,               -- the bank's number of the transfer back
    version       INTEGER NOT NULL,
    created_us    INTEGER NOT NULL,
    done_us       INTEGER,                     -- NULL unless SUCCESS
    event_us      INTEGER NOT NULL,
    updated_us    INTEGER NOT NULL,
    CHECK ((kind = 'RETURN') = (bank_ref <> '')),
    CHECK (checker = '' OR checker <> maker),
    CHECK (state <> 'PAYING' OR checker <> '' AND payee_account <> ''),
    CHECK ((state = 'SUCCESS') = (done_us IS NOT NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO payback_new SELECT number, kind, account, bank_ref, channel, amount_minor, currency, payee_name, payee_account, payee_bank,
    CASE state WHEN 'RETURNED' THEN 'FAILED' ELSE state END, maker, checker, file, out_ref, version, created_us, CASE state WHEN 'RETURNED' THEN NULL ELSE done_us END,
    event_us, updated_us FROM payback;
DROP TABLE payback;
ALTER TABLE payback_new RENAME TO payback;
CREATE INDEX payback_by_remittance ON payback (account, bank_ref);
CREATE INDEX payback_by_event ON payback (account, event_us) WHERE kind = 'RETURN';
-- +goose StatementBegin
CREATE TRIGGER payback_stays BEFORE UPDATE OF number, kind, account, bank_ref, amount_minor, currency ON payback
BEGIN SELECT RAISE(ABORT, 'payback: what it is about stays'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payback_no_delete BEFORE DELETE ON payback BEGIN SELECT RAISE(ABORT, 'a payback is never deleted'); END;
-- +goose StatementEnd
