-- +goose Up
-- What we pay a clearing organisation: all debits less refunds until the end of a day, less what was paid before. Amounts
-- are integer minor units; times (*_us) are epoch microseconds UTC.
CREATE TABLE interop_payment (
    number        TEXT PRIMARY KEY,            -- 'I20261120-nucc-CNY-1': the number that the bank gets
    organisation  TEXT NOT NULL,
    currency      TEXT NOT NULL CHECK (length(currency) = 3),
    day           TEXT NOT NULL,
    try           INTEGER NOT NULL CHECK (try >= 1),
    amount_minor  INTEGER NOT NULL CHECK (amount_minor > 0),
    bank          TEXT NOT NULL,               -- ours, that pays
    payee_name    TEXT NOT NULL,
    payee_account TEXT NOT NULL,
    payee_bank    TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('PROPOSED','CLOSED','APPROVED','PAYING','UNKNOWN','PAID','FAILED','RETURNED')),
    maker         TEXT NOT NULL CHECK (maker <> ''),
    checker       TEXT NOT NULL,
    file          TEXT REFERENCES payout_file (id), -- NULL: no bank was told
    bank_ref      TEXT NOT NULL,
    reason        TEXT NOT NULL,               -- why it failed, came back or was closed
    version       INTEGER NOT NULL,
    created_us    INTEGER NOT NULL,
    updated_us    INTEGER NOT NULL,
    UNIQUE (organisation, currency, day, try),
    CHECK (checker <> maker AND (checker <> '' OR state IN ('PROPOSED','CLOSED'))),
    CHECK ((file IS NULL) = (state IN ('PROPOSED','CLOSED','APPROVED')))
) STRICT, WITHOUT ROWID;
-- One at a time: nothing is proposed while the end of another is not known.
CREATE UNIQUE INDEX interop_payment_open ON interop_payment (organisation, currency) WHERE state IN ('PROPOSED','APPROVED','PAYING','UNKNOWN');
CREATE INDEX interop_payment_by_file ON interop_payment (file);
CREATE INDEX interop_debit_by_time ON interop_debit (created_us);
CREATE INDEX interop_refund_by_time ON interop_refund (created_us);

-- +goose StatementBegin
CREATE TRIGGER interop_payment_stays BEFORE UPDATE ON interop_payment
WHEN NEW.number <> OLD.number OR NEW.organisation <> OLD.organisation OR NEW.currency <> OLD.currency OR NEW.day <> OLD.day OR NEW.amount_minor <> OLD.amount_minor
    OR NEW.bank <> OLD.bank OR NEW.payee_account <> OLD.payee_account OR NEW.payee_bank <> OLD.payee_bank OR NEW.payee_name <> OLD.payee_name OR NEW.maker <> OLD.maker
    OR OLD.checker <> '' AND NEW.checker <> OLD.checker OR OLD.file IS NOT NULL AND NEW.file IS NOT OLD.file OR OLD.state IN ('CLOSED','RETURNED')
BEGIN SELECT RAISE(ABORT, 'interop_payment: what two people saw stays'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER interop_payment_no_delete BEFORE DELETE ON interop_payment BEGIN SELECT RAISE(ABORT, 'a payment to an organisation is never deleted'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE interop_payment; DROP INDEX interop_debit_by_time; DROP INDEX interop_refund_by_time;
