-- +goose Up
-- The payment core and the ledger. Amounts are integer minor units of an ISO 4217 currency.
-- Times (*_us) are epoch microseconds UTC, as in records.
CREATE TABLE customer_order (
    merchant     TEXT NOT NULL,
    order_no     TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency     TEXT NOT NULL CHECK (length(currency) = 3),
    state        TEXT NOT NULL CHECK (state IN ('PAYING','PAID','CLOSED')),
    paid_by      TEXT NOT NULL DEFAULT '',   -- the first payment that succeeded; '' before
    notify_url   TEXT NOT NULL DEFAULT '',   -- where the merchant hears of it; '' = nowhere
    version      INTEGER NOT NULL,
    created_us   INTEGER NOT NULL,
    updated_us   INTEGER NOT NULL,
    PRIMARY KEY (merchant, order_no),
    CHECK ((state = 'PAID') = (paid_by <> ''))
) STRICT, WITHOUT ROWID;

CREATE TABLE payment (
    pay_no         TEXT PRIMARY KEY,           -- the number sent to the channel: the merchant_ref of records
    merchant       TEXT NOT NULL,
    order_no       TEXT NOT NULL,
    channel        TEXT NOT NULL,
    account        TEXT NOT NULL,              -- account name of the configuration
    amount_minor   INTEGER NOT NULL CHECK (amount_minor > 0),
    currency       TEXT NOT NULL CHECK (length(currency) = 3),
    state          TEXT NOT NULL CHECK (state IN ('PAYING','SUCCESS','FAILED','CLOSED')),
    channel_ref    TEXT NOT NULL DEFAULT '',
    fee_minor      INTEGER,                    -- what we expect the channel to keep; NULL: no rate known
    refunded_minor INTEGER NOT NULL DEFAULT 0, -- Σ of its refunds except the given-up ones
    settled_in     TEXT NOT NULL DEFAULT '',   -- settlement batch that paid the merchant; '' = none yet
    trade_type     TEXT NOT NULL DEFAULT '',
    version        INTEGER NOT NULL,
    created_us     INTEGER NOT NULL,
    paid_us        INTEGER,                    -- when the money moved; NULL unless SUCCESS
    event_us       INTEGER NOT NULL,           -- paid_us if known, else created_us: what an export selects by
    updated_us     INTEGER NOT NULL,
    FOREIGN KEY (merchant, order_no) REFERENCES customer_order (merchant, order_no),
    CHECK (refunded_minor >= 0 AND refunded_minor <= amount_minor),
    CHECK (refunded_minor = 0 OR state = 'SUCCESS'),
    CHECK ((state = 'SUCCESS') = (paid_us IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX payment_by_event ON payment (account, event_us);
CREATE INDEX payment_by_order ON payment (merchant, order_no);
CREATE UNIQUE INDEX payment_by_channel_ref ON payment (account, channel_ref) WHERE channel_ref <> '';

CREATE TABLE refund (
    refund_no          TEXT PRIMARY KEY,       -- the refund number sent to the channel: the refund_ref of records
    pay_no             TEXT NOT NULL REFERENCES payment (pay_no),
    channel            TEXT NOT NULL,
    account            TEXT NOT NULL,
    amount_minor       INTEGER NOT NULL CHECK (amount_minor > 0),
    currency           TEXT NOT NULL CHECK (length(currency) = 3),
    state              TEXT NOT NULL CHECK (state IN ('PROCESSING','SUCCESS','FAILED','CLOSED')),
    channel_refund_ref TEXT NOT NULL DEFAULT '',
    fee_minor          INTEGER,                -- fee that we expect back, negative; NULL: none expected
    version            INTEGER NOT NULL,
    created_us         INTEGER NOT NULL,
    done_us            INTEGER,                -- when the money moved; NULL unless SUCCESS
    event_us           INTEGER NOT NULL,
    updated_us         INTEGER NOT NULL,
    CHECK ((state = 'SUCCESS') = (done_us IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX refund_by_event ON refund (account, event_us);
CREATE INDEX refund_by_payment ON refund (pay_no);
CREATE UNIQUE INDEX refund_by_channel_ref ON refund (account, channel_refund_ref) WHERE channel_refund_ref <> '';

-- The log of every state move, a hash chain: hash = sha256(hash before, fields of the row).
CREATE TABLE order_event (
    seq        INTEGER PRIMARY KEY,            -- 1, 2, … without gap; the highest one is the watermark of an export
    at_us      INTEGER NOT NULL,
    subject    TEXT NOT NULL CHECK (subject IN ('ORDER','PAYMENT','REFUND','FIX')),
    ref        TEXT NOT NULL,
    from_state TEXT NOT NULL,                  -- '' = it came into being
    to_state   TEXT NOT NULL,
    cause      TEXT NOT NULL,
    detail     TEXT NOT NULL,
    hash       TEXT NOT NULL
) STRICT;
CREATE INDEX order_event_by_ref ON order_event (ref);

-- Double-entry books. Postings are written first, then the journal row seals them: it is refused unless they
-- balance in every currency, and a sealed transaction takes no further posting. The deferred reference makes a
-- posting without its journal row impossible to commit.
CREATE TABLE ledger_account (
    name TEXT PRIMARY KEY,                     -- 'clearing:wechat:wechat-main', 'payable:M01', …
    type TEXT NOT NULL CHECK (type IN ('ASSET','LIABILITY','EXPENSE'))
) STRICT, WITHOUT ROWID;

CREATE TABLE journal (
    id       TEXT PRIMARY KEY,
    cause    TEXT NOT NULL,
    subject  TEXT NOT NULL,                    -- payment, refund or case that it is about
    case_id  TEXT NOT NULL DEFAULT '',
    fix_key  TEXT UNIQUE,                      -- the fix that posted it; NULL: the core itself
    reverses TEXT UNIQUE REFERENCES journal (id),
    legs     INTEGER NOT NULL CHECK (legs >= 2),
    at_us    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX journal_by_case ON journal (case_id) WHERE case_id <> '';

CREATE TABLE posting (
    txn          TEXT NOT NULL REFERENCES journal (id) DEFERRABLE INITIALLY DEFERRED,
    leg          INTEGER NOT NULL,
    account      TEXT NOT NULL REFERENCES ledger_account (name),
    currency     TEXT NOT NULL CHECK (length(currency) = 3),
    amount_minor INTEGER NOT NULL CHECK (amount_minor <> 0), -- debit positive, credit negative
    PRIMARY KEY (txn, leg)
) STRICT, WITHOUT ROWID;
CREATE INDEX posting_by_account ON posting (account, currency, amount_minor);

-- +goose StatementBegin
CREATE TRIGGER journal_balances BEFORE INSERT ON journal
WHEN EXISTS (SELECT 1 FROM posting WHERE txn = NEW.id GROUP BY currency HAVING SUM(amount_minor) <> 0)
  OR (SELECT COUNT(*) FROM posting WHERE txn = NEW.id) <> NEW.legs
BEGIN SELECT RAISE(ABORT, 'journal: the postings do not balance, or are not all there'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER posting_after_seal BEFORE INSERT ON posting
WHEN EXISTS (SELECT 1 FROM journal WHERE id = NEW.txn)
BEGIN SELECT RAISE(ABORT, 'posting: the transaction is sealed'); END;
-- +goose StatementEnd

-- What the reconciliation changed in the books: one row per fix key, for ever.
CREATE TABLE fix (
    key           TEXT PRIMARY KEY,
    kind          TEXT NOT NULL,
    run_id        TEXT NOT NULL,
    case_id       TEXT NOT NULL,
    cell          TEXT NOT NULL,
    channel       TEXT NOT NULL,
    account       TEXT NOT NULL,
    bill_date     TEXT NOT NULL,
    record_kind   TEXT NOT NULL,
    merchant_ref  TEXT NOT NULL,
    refund_ref    TEXT NOT NULL,
    channel_ref   TEXT NOT NULL,
    amount_minor  INTEGER NOT NULL,
    fee_minor     INTEGER NOT NULL,
    currency      TEXT NOT NULL,
    maker         TEXT NOT NULL,
    checker       TEXT NOT NULL,
    txn           TEXT UNIQUE REFERENCES journal (id) DEFERRABLE INITIALLY DEFERRED, -- NULL: a state move without money
    state_before  TEXT NOT NULL,               -- of the payment or refund; '' = it moved none
    time_before   INTEGER NOT NULL DEFAULT 0,  -- when the money had moved, if the fix takes that back
    fee_before    INTEGER,                     -- ADJUST_FEE: the accrued fee that it replaced
    reverses      TEXT UNIQUE REFERENCES fix (key),
    applied_us    INTEGER NOT NULL,
    CHECK (checker = '' OR checker <> maker)
) STRICT, WITHOUT ROWID;
CREATE INDEX fix_by_run ON fix (run_id);

-- Notices to merchants, written in the transaction that causes them.
CREATE TABLE outbox (
    id         TEXT PRIMARY KEY,
    merchant   TEXT NOT NULL,
    url        TEXT NOT NULL,
    payload    TEXT NOT NULL,                  -- JSON
    state      TEXT NOT NULL CHECK (state IN ('PENDING','SENT','DEAD')),
    tries      INTEGER NOT NULL DEFAULT 0,
    next_us    INTEGER NOT NULL,
    last_error TEXT NOT NULL DEFAULT '',
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (next_us) WHERE state = 'PENDING';

-- Notifications of channels whose signature was good, as they came.
CREATE TABLE notification_in (
    account     TEXT NOT NULL,
    notify_id   TEXT NOT NULL,
    digest      TEXT NOT NULL,                 -- sha256 of raw
    channel     TEXT NOT NULL,
    raw         BLOB NOT NULL,
    result      TEXT NOT NULL,                 -- DONE, ALREADY, LATE_SUCCESS, DUPLICATE_PAYMENT, REFUSED, EARLY
    reason      TEXT NOT NULL,
    copies      INTEGER NOT NULL,              -- how many times it came
    received_us INTEGER NOT NULL,
    PRIMARY KEY (account, notify_id, digest)
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER posting_no_update BEFORE UPDATE ON posting BEGIN SELECT RAISE(ABORT, 'posting is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER posting_no_delete BEFORE DELETE ON posting BEGIN SELECT RAISE(ABORT, 'posting is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'journal is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'journal is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER fix_no_update BEFORE UPDATE ON fix BEGIN SELECT RAISE(ABORT, 'fix is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER fix_no_delete BEFORE DELETE ON fix BEGIN SELECT RAISE(ABORT, 'fix is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER order_event_no_update BEFORE UPDATE ON order_event BEGIN SELECT RAISE(ABORT, 'order_event is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER order_event_no_delete BEFORE DELETE ON order_event BEGIN SELECT RAISE(ABORT, 'order_event is append-only'); END;
-- +goose StatementEnd
-- Without these, INSERT OR REPLACE would delete the old row past the triggers above.
-- +goose StatementBegin
CREATE TRIGGER journal_no_replace BEFORE INSERT ON journal WHEN EXISTS (SELECT 1 FROM journal WHERE id = NEW.id OR fix_key = NEW.fix_key OR reverses = NEW.reverses)
BEGIN SELECT RAISE(ABORT, 'journal is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER order_event_no_replace BEFORE INSERT ON order_event WHEN EXISTS (SELECT 1 FROM order_event WHERE seq = NEW.seq)
BEGIN SELECT RAISE(ABORT, 'order_event is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER fix_once BEFORE INSERT ON fix WHEN EXISTS (SELECT 1 FROM fix WHERE key = NEW.key)
BEGIN SELECT RAISE(IGNORE); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER notification_in_raw_stays BEFORE UPDATE OF raw, digest, notify_id, account, received_us ON notification_in
BEGIN SELECT RAISE(ABORT, 'notification_in: the raw bytes stay as they came'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER notification_in_no_delete BEFORE DELETE ON notification_in BEGIN SELECT RAISE(ABORT, 'notification_in is append-only'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE notification_in; DROP TABLE outbox; DROP TABLE fix; DROP TABLE posting; DROP TABLE journal;
DROP TABLE ledger_account; DROP TABLE order_event; DROP TABLE refund; DROP TABLE payment; DROP TABLE customer_order;
