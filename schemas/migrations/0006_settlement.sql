-- +goose Up
-- Settlement: clearing entries, batches, payouts, and what two people decided about them. Amounts are integer minor
-- units; times (*_us) are epoch microseconds UTC; dates are TEXT 2006-01-02.

-- Fees of merchants are income, a type that the chart did not have. The table is made anew; the references to it are
-- counted again when its rows come back.
PRAGMA defer_foreign_keys = ON;
CREATE TABLE ledger_account_before (name TEXT NOT NULL, type TEXT NOT NULL) STRICT;
INSERT INTO ledger_account_before SELECT name, type FROM ledger_account;
DROP TABLE ledger_account;
CREATE TABLE ledger_account (
    name TEXT PRIMARY KEY,                     -- 'clearing:wechat:wechat-main', 'payable:M01', …
    type TEXT NOT NULL CHECK (type IN ('ASSET','LIABILITY','INCOME','EXPENSE'))
) STRICT, WITHOUT ROWID;
INSERT INTO ledger_account SELECT name, type FROM ledger_account_before;
DROP TABLE ledger_account_before;

-- One batch of one merchant, currency and bill date.
CREATE TABLE settlement_batch (
    id                TEXT PRIMARY KEY,        -- 'S20261120-M01-CNY'
    merchant          TEXT NOT NULL,
    currency          TEXT NOT NULL CHECK (length(currency) = 3),
    bill_date         TEXT NOT NULL,
    due_on            TEXT NOT NULL,           -- T+N by the merchant's contract and the bank calendar
    state             TEXT NOT NULL CHECK (state IN ('COLLECTING','CHECKED','APPROVED','PAYING','PAID','FAILED','RETURNED')),
    items             INTEGER NOT NULL CHECK (items >= 0),
    gross_minor       INTEGER NOT NULL,        -- payments less refunds
    fee_minor         INTEGER NOT NULL,        -- what the merchant owes us for them
    channel_fee_minor INTEGER NOT NULL,        -- what the channels keep, as accrued
    net_minor         INTEGER NOT NULL,
    carried_minor     INTEGER NOT NULL CHECK (carried_minor <= 0), -- debt of the batches approved before
    pay_minor         INTEGER NOT NULL CHECK (pay_minor >= 0),
    debt_minor        INTEGER NOT NULL CHECK (debt_minor <= 0),    -- what the next batch must earn back
    bank              TEXT NOT NULL DEFAULT '', -- our bank that pays it; with the payee set by the check
    payee_name        TEXT NOT NULL DEFAULT '',
    payee_account     TEXT NOT NULL DEFAULT '',
    payee_bank        TEXT NOT NULL DEFAULT '',
    digest            TEXT NOT NULL DEFAULT '', -- of all that the check showed; what people approve
    maker             TEXT NOT NULL DEFAULT '', -- who checked it
    checker           TEXT NOT NULL DEFAULT '', -- who approved it
    override_act      INTEGER,                 -- settlement_act that let it start before the day was proven
    approved_seq      INTEGER UNIQUE,          -- 1, 2, …: the order in which debts are carried; NULL before
    version           INTEGER NOT NULL,
    created_us        INTEGER NOT NULL,
    updated_us        INTEGER NOT NULL,
    UNIQUE (merchant, currency, bill_date),
    CHECK (net_minor = gross_minor - fee_minor),
    CHECK (net_minor + carried_minor = pay_minor + debt_minor AND (pay_minor = 0 OR debt_minor = 0)),
    CHECK (checker = '' OR checker <> maker)
) STRICT, WITHOUT ROWID;
CREATE INDEX settlement_batch_by_date ON settlement_batch (bill_date);
CREATE INDEX settlement_batch_open ON settlement_batch (state, due_on) WHERE state <> 'PAID';

-- Clearing (清分): who owes whom for one payment or one refund. One item, one entry, one batch.
CREATE TABLE clearing_entry (
    kind              TEXT NOT NULL CHECK (kind IN ('PAYMENT','REFUND')),
    ref               TEXT NOT NULL,           -- payment or refund number
    batch             TEXT NOT NULL REFERENCES settlement_batch (id),
    merchant          TEXT NOT NULL,
    order_no          TEXT NOT NULL,
    pay_no            TEXT NOT NULL REFERENCES payment (pay_no),
    channel           TEXT NOT NULL,
    account           TEXT NOT NULL,           -- account name of the configuration
    product           TEXT NOT NULL,           -- trade type of the payment
    currency          TEXT NOT NULL CHECK (length(currency) = 3),
    gross_minor       INTEGER NOT NULL,        -- refunds negative
    fee_minor         INTEGER NOT NULL,        -- the merchant owes us; negative: we give it back
    channel_fee_minor INTEGER NOT NULL,        -- the channel keeps, as accrued; 0 if no rate is known
    net_minor         INTEGER NOT NULL,        -- we owe the merchant
    fee_returns       INTEGER NOT NULL CHECK (fee_returns IN (0, 1)), -- 1: refunds give the fee back in proportion
    terms             TEXT NOT NULL,           -- the rate that was used, in words
    at_us             INTEGER NOT NULL,        -- when the money moved
    cleared_us        INTEGER NOT NULL,
    PRIMARY KEY (kind, ref),
    CHECK (net_minor = gross_minor - fee_minor),
    CHECK ((kind = 'PAYMENT') = (gross_minor > 0))
) STRICT, WITHOUT ROWID;
CREATE INDEX clearing_entry_by_batch ON clearing_entry (batch, kind, ref);
CREATE INDEX clearing_entry_by_payment ON clearing_entry (pay_no);

ALTER TABLE refund ADD COLUMN settled_in TEXT NOT NULL DEFAULT ''; -- settlement batch that took it; '' = none yet
CREATE INDEX payment_unsettled ON payment (account, event_us, pay_no) WHERE settled_in = '' AND state = 'SUCCESS';
CREATE INDEX refund_unsettled ON refund (account, event_us, refund_no) WHERE settled_in = '' AND state = 'SUCCESS';

-- Orders whose customer said that the goods came.
CREATE TABLE receipt (
    pay_no       TEXT PRIMARY KEY REFERENCES payment (pay_no),
    confirmed_us INTEGER NOT NULL,
    who          TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One file of payouts for one bank. Its bytes are made from its payouts, the same each time.
CREATE TABLE payout_file (
    id          TEXT PRIMARY KEY,              -- 'P20261123-icbc-CNY-1'
    bank        TEXT NOT NULL,
    currency    TEXT NOT NULL CHECK (length(currency) = 3),
    pay_date    TEXT NOT NULL,
    payouts     INTEGER NOT NULL CHECK (payouts > 0),
    total_minor INTEGER NOT NULL CHECK (total_minor > 0),
    digest      TEXT NOT NULL,                 -- sha256 of the file
    who         TEXT NOT NULL,
    created_us  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One payout under one number for ever. UNKNOWN is neither paid nor failed: it is never sent again.
CREATE TABLE payout (
    number        TEXT PRIMARY KEY,            -- batch and try: the number that the bank gets
    batch         TEXT NOT NULL REFERENCES settlement_batch (id),
    try           INTEGER NOT NULL CHECK (try >= 1),
    file          TEXT NOT NULL REFERENCES payout_file (id),
    bank          TEXT NOT NULL,
    merchant      TEXT NOT NULL,
    currency      TEXT NOT NULL CHECK (length(currency) = 3),
    amount_minor  INTEGER NOT NULL CHECK (amount_minor > 0),
    payee_name    TEXT NOT NULL,
    payee_account TEXT NOT NULL,
    payee_bank    TEXT NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('PAYING','UNKNOWN','PAID','FAILED','RETURNED')),
    bank_ref      TEXT NOT NULL DEFAULT '',
    reason        TEXT NOT NULL DEFAULT '',    -- why it failed or came back
    version       INTEGER NOT NULL,
    created_us    INTEGER NOT NULL,
    updated_us    INTEGER NOT NULL,
    UNIQUE (batch, try)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX payout_alive ON payout (batch) WHERE state IN ('PAYING','UNKNOWN','PAID');
CREATE INDEX payout_by_file ON payout (file, number);

-- What one person asked for and a second one did: both named the same facts by their digest.
CREATE TABLE settlement_act (
    id          INTEGER PRIMARY KEY,
    what        TEXT NOT NULL CHECK (what IN ('OVERRIDE','RESULT','REQUEUE')),
    subject     TEXT NOT NULL,                 -- bill date, payout or batch
    digest      TEXT NOT NULL,
    maker       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    made_us     INTEGER NOT NULL,
    checker     TEXT NOT NULL DEFAULT '',
    answered_us INTEGER,
    CHECK (checker = '' OR checker <> maker)
) STRICT;
CREATE UNIQUE INDEX settlement_act_waiting ON settlement_act (what, subject, digest) WHERE checker = '';

-- The history of batches and payouts.
CREATE TABLE settlement_event (
    id     INTEGER PRIMARY KEY,
    batch  TEXT NOT NULL REFERENCES settlement_batch (id),
    at_us  INTEGER NOT NULL,
    who    TEXT NOT NULL,                      -- a person, or 'auto'
    what   TEXT NOT NULL,
    note   TEXT NOT NULL
) STRICT;
CREATE INDEX settlement_event_by_batch ON settlement_event (batch, id);

-- +goose StatementBegin
CREATE TRIGGER clearing_entry_only_collecting BEFORE INSERT ON clearing_entry
WHEN NOT EXISTS (SELECT 1 FROM settlement_batch WHERE id = NEW.batch AND state = 'COLLECTING')
BEGIN SELECT RAISE(ABORT, 'clearing_entry: the batch takes no more items'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER clearing_entry_no_replace BEFORE INSERT ON clearing_entry WHEN EXISTS (SELECT 1 FROM clearing_entry WHERE kind = NEW.kind AND ref = NEW.ref)
BEGIN SELECT RAISE(ABORT, 'clearing_entry: the item is in a batch'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER clearing_entry_no_update BEFORE UPDATE ON clearing_entry BEGIN SELECT RAISE(ABORT, 'a clearing entry never changes'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER clearing_entry_stays BEFORE DELETE ON clearing_entry
WHEN NOT EXISTS (SELECT 1 FROM settlement_batch WHERE id = OLD.batch AND state = 'COLLECTING')
BEGIN SELECT RAISE(ABORT, 'clearing_entry: the batch is checked'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER settlement_batch_no_delete BEFORE DELETE ON settlement_batch BEGIN SELECT RAISE(ABORT, 'a batch is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER settlement_batch_approved_stays BEFORE UPDATE ON settlement_batch
WHEN OLD.approved_seq IS NOT NULL AND (NEW.approved_seq IS NOT OLD.approved_seq OR NEW.gross_minor <> OLD.gross_minor OR NEW.fee_minor <> OLD.fee_minor
    OR NEW.carried_minor <> OLD.carried_minor OR NEW.pay_minor <> OLD.pay_minor OR NEW.items <> OLD.items)
BEGIN SELECT RAISE(ABORT, 'settlement_batch: what was approved never changes'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payout_no_delete BEFORE DELETE ON payout BEGIN SELECT RAISE(ABORT, 'a payout is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER payout_facts_stay BEFORE UPDATE OF number, batch, try, file, bank, merchant, currency, amount_minor, payee_name, payee_account, payee_bank ON payout
BEGIN SELECT RAISE(ABORT, 'payout: what the bank was told never changes'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER settlement_event_no_update BEFORE UPDATE ON settlement_event BEGIN SELECT RAISE(ABORT, 'settlement_event is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER settlement_event_no_delete BEFORE DELETE ON settlement_event BEGIN SELECT RAISE(ABORT, 'settlement_event is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER settlement_act_no_delete BEFORE DELETE ON settlement_act BEGIN SELECT RAISE(ABORT, 'settlement_act is append-only'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE settlement_event; DROP TABLE settlement_act; DROP TABLE payout; DROP TABLE payout_file; DROP TABLE receipt;
DROP TABLE clearing_entry; DROP TABLE settlement_batch;
DROP INDEX payment_unsettled; DROP INDEX refund_unsettled;
ALTER TABLE refund DROP COLUMN settled_in;
