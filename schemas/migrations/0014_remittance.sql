-- +goose Up
-- Bank transfers: virtual accounts of payers, the payments that wait for money there, what the bank's statements
-- showed, and what is paid back. Amounts are integer minor units; times (*_us) are epoch microseconds UTC.
CREATE TABLE virtual_account (
    number     TEXT PRIMARY KEY,               -- digits; the last one is the check digit (ISO 7064 MOD 11,10)
    account    TEXT NOT NULL,                  -- our account at the bank, as the configuration names it
    serial     INTEGER NOT NULL CHECK (serial > 0),
    merchant   TEXT NOT NULL,
    payer      TEXT NOT NULL,                  -- as the merchant names him; of a nameless one the payment's number
    created_us INTEGER NOT NULL,
    UNIQUE (account, serial),
    UNIQUE (account, merchant, payer)
) STRICT, WITHOUT ROWID;

CREATE TABLE remittance_expected (
    pay_no     TEXT PRIMARY KEY REFERENCES payment (pay_no),
    number     TEXT NOT NULL REFERENCES virtual_account (number),
    expires_us INTEGER NOT NULL,
    first_date TEXT NOT NULL,                  -- bill dates whose statements may show the money
    last_date  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX remittance_expected_by_number ON remittance_expected (number);

CREATE TABLE remittance (
    account      TEXT NOT NULL,
    bank_ref     TEXT NOT NULL CHECK (bank_ref <> ''),
    channel      TEXT NOT NULL,
    number       TEXT NOT NULL REFERENCES virtual_account (number),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    left_minor   INTEGER NOT NULL,             -- neither used for a payment nor on its way back
    currency     TEXT NOT NULL CHECK (length(currency) = 3),
    fee_minor    INTEGER,                      -- what we expect the bank to keep; NULL: no rate known
    outcome      TEXT NOT NULL CHECK (outcome IN ('','EXACT','COMPLETED','PARTIAL','OVERPAID','UNEXPECTED')), -- '' = not applied yet
    event_us     INTEGER NOT NULL,             -- when the bank booked it
    version      INTEGER NOT NULL,
    created_us   INTEGER NOT NULL,
    updated_us   INTEGER NOT NULL,
    PRIMARY KEY (account, bank_ref),
    CHECK (left_minor >= 0 AND left_minor <= amount_minor)
) STRICT, WITHOUT ROWID;
CREATE INDEX remittance_by_event ON remittance (account, event_us);
CREATE INDEX remittance_left ON remittance (number) WHERE left_minor > 0;

-- The part of a remittance that went into a payment, for ever.
CREATE TABLE remittance_use (
    account      TEXT NOT NULL,
    bank_ref     TEXT NOT NULL,
    pay_no       TEXT NOT NULL REFERENCES payment (pay_no),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    at_us        INTEGER NOT NULL,
    PRIMARY KEY (account, bank_ref, pay_no),
    FOREIGN KEY (account, bank_ref) REFERENCES remittance (account, bank_ref)
) STRICT, WITHOUT ROWID;
CREATE INDEX remittance_use_by_payment ON remittance_use (pay_no);

-- Transfers back to payers, each under its own number for ever; two people stand behind what is PAYING.
CREATE TABLE payback (
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
CREATE INDEX payback_by_remittance ON payback (account, bank_ref);
CREATE INDEX payback_by_event ON payback (account, event_us) WHERE kind = 'RETURN';

-- Statements that were taken in whole.
CREATE TABLE remittance_day (
    account   TEXT NOT NULL,
    bill_date TEXT NOT NULL,
    at_us     INTEGER NOT NULL,
    PRIMARY KEY (account, bill_date)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER virtual_account_no_update BEFORE UPDATE ON virtual_account BEGIN SELECT RAISE(ABORT, 'a virtual account never changes'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER virtual_account_no_delete BEFORE DELETE ON virtual_account BEGIN SELECT RAISE(ABORT, 'a virtual account is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER remittance_stays BEFORE UPDATE OF account, bank_ref, number, amount_minor, currency, event_us ON remittance
BEGIN SELECT RAISE(ABORT, 'remittance: what the bank said stays'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER remittance_no_delete BEFORE DELETE ON remittance BEGIN SELECT RAISE(ABORT, 'a remittance is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER remittance_use_no_update BEFORE UPDATE ON remittance_use BEGIN SELECT RAISE(ABORT, 'remittance_use is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER remittance_use_no_delete BEFORE DELETE ON remittance_use BEGIN SELECT RAISE(ABORT, 'remittance_use is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payback_stays BEFORE UPDATE OF number, kind, account, bank_ref, amount_minor, currency ON payback
BEGIN SELECT RAISE(ABORT, 'payback: what it is about stays'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payback_no_delete BEFORE DELETE ON payback BEGIN SELECT RAISE(ABORT, 'a payback is never deleted'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE remittance_day; DROP TABLE payback; DROP TABLE remittance_use; DROP TABLE remittance; DROP TABLE remittance_expected; DROP TABLE virtual_account;
