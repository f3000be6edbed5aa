-- +goose Up
-- Profit split (分账): who may receive, what an order holds back, and what receivers got. Amounts are integer minor
-- units; times (*_us) are epoch microseconds UTC.

-- Receivers that a merchant has registered. Their money is in their wallets.
CREATE TABLE split_receiver (
    merchant   TEXT NOT NULL,
    receiver   TEXT NOT NULL REFERENCES entity (id),
    relation   TEXT NOT NULL,                  -- what the receiver is to the merchant: supplier, store, …
    active     INTEGER NOT NULL CHECK (active IN (0, 1)),
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    PRIMARY KEY (merchant, receiver),
    CHECK (receiver <> merchant)
) STRICT, WITHOUT ROWID;

-- An order whose money is held back for splits. While it is HELD, none of its payments is settled.
CREATE TABLE split_hold (
    merchant     TEXT NOT NULL,
    order_no     TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('HELD','RELEASED')),
    max_ppm      INTEGER NOT NULL CHECK (max_ppm BETWEEN 0 AND 1000000), -- most that may be split, in millionths
    return_first INTEGER NOT NULL CHECK (return_first IN (0, 1)), -- 1: no refund out of money that receivers have
    until_us     INTEGER NOT NULL,             -- then it is released by itself
    warned_days  INTEGER NOT NULL,             -- the last warning said so many days; 0 = none yet
    version      INTEGER NOT NULL,
    created_us   INTEGER NOT NULL,
    updated_us   INTEGER NOT NULL,
    PRIMARY KEY (merchant, order_no),
    FOREIGN KEY (merchant, order_no) REFERENCES customer_order (merchant, order_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX split_hold_due ON split_hold (until_us) WHERE state = 'HELD';

-- One split order under one number for ever.
CREATE TABLE split_order (
    number       TEXT PRIMARY KEY,
    merchant     TEXT NOT NULL,
    order_no     TEXT NOT NULL,
    pay_no       TEXT NOT NULL,                -- the payment that it takes from; '' before the order is paid
    currency     TEXT NOT NULL CHECK (length(currency) = 3),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0), -- of all its shares
    done_minor   INTEGER NOT NULL,             -- of those that are SUCCESS
    closed_minor INTEGER NOT NULL,             -- of those that are CLOSED
    back_minor   INTEGER NOT NULL,             -- what receivers gave back
    shares       INTEGER NOT NULL CHECK (shares >= 1),
    pending      INTEGER NOT NULL CHECK (pending >= 0), -- shares that are PENDING
    release_rest INTEGER NOT NULL CHECK (release_rest IN (0, 1)), -- 1: the rest is the merchant's once it is FINISHED
    state        TEXT NOT NULL CHECK (state IN ('PROCESSING','FINISHED')),
    digest       TEXT NOT NULL,                -- sha256 of what was asked for
    settled_in   TEXT NOT NULL DEFAULT '',     -- settlement batch that took it; '' = none yet
    version      INTEGER NOT NULL,
    created_us   INTEGER NOT NULL,
    updated_us   INTEGER NOT NULL,
    finished_us  INTEGER,                      -- NULL unless FINISHED
    FOREIGN KEY (merchant, order_no) REFERENCES split_hold (merchant, order_no),
    CHECK ((state = 'FINISHED') = (pending = 0)),
    CHECK ((state = 'FINISHED') = (finished_us IS NOT NULL)),
    CHECK (done_minor >= 0 AND closed_minor >= 0 AND done_minor + closed_minor <= amount_minor),
    CHECK (back_minor >= 0 AND back_minor <= done_minor),
    CHECK (done_minor = 0 OR pay_no <> '')
) STRICT, WITHOUT ROWID;
CREATE INDEX split_order_by_order ON split_order (merchant, order_no);
CREATE INDEX split_order_open ON split_order (created_us) WHERE state = 'PROCESSING';
CREATE INDEX split_order_by_payment ON split_order (pay_no) WHERE pay_no <> '';

CREATE TABLE split_share (
    split          TEXT NOT NULL REFERENCES split_order (number),
    receiver       TEXT NOT NULL,
    amount_minor   INTEGER NOT NULL CHECK (amount_minor > 0),
    returned_minor INTEGER NOT NULL,           -- Σ of its returns but the CLOSED ones
    state          TEXT NOT NULL CHECK (state IN ('PENDING','SUCCESS','CLOSED')),
    reason         TEXT NOT NULL,              -- why it is CLOSED
    PRIMARY KEY (split, receiver),
    CHECK (returned_minor >= 0 AND returned_minor <= amount_minor),
    CHECK (returned_minor = 0 OR state = 'SUCCESS')
) STRICT, WITHOUT ROWID;
CREATE INDEX split_share_pending ON split_share (split, receiver) WHERE state = 'PENDING';

-- Money that a receiver gives back. PROCESSING: the receiver has not got it now; the same number is tried again.
CREATE TABLE split_return (
    number       TEXT PRIMARY KEY,
    split        TEXT NOT NULL,
    receiver     TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    state        TEXT NOT NULL CHECK (state IN ('PROCESSING','SUCCESS','CLOSED')),
    reason       TEXT NOT NULL,                -- why it waits, or was given up
    next_us      INTEGER NOT NULL,             -- when it is tried again
    until_us     INTEGER NOT NULL,             -- then it is CLOSED
    settled_in   TEXT NOT NULL DEFAULT '',     -- settlement batch that took it; '' = none yet
    version      INTEGER NOT NULL,
    created_us   INTEGER NOT NULL,
    updated_us   INTEGER NOT NULL,
    done_us      INTEGER,                      -- when the money moved; NULL unless SUCCESS
    FOREIGN KEY (split, receiver) REFERENCES split_share (split, receiver),
    CHECK ((state = 'SUCCESS') = (done_us IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX split_return_by_share ON split_return (split, receiver);
CREATE INDEX split_return_open ON split_return (next_us) WHERE state = 'PROCESSING';
CREATE INDEX split_return_unsettled ON split_return (done_us, number) WHERE settled_in = '' AND state = 'SUCCESS';

-- The history of an order's splits.
CREATE TABLE split_event (
    id       INTEGER PRIMARY KEY,
    merchant TEXT NOT NULL,
    order_no TEXT NOT NULL,
    at_us    INTEGER NOT NULL,
    who      TEXT NOT NULL,                    -- a person, a merchant, or 'auto'
    what     TEXT NOT NULL,
    ref      TEXT NOT NULL,                    -- split or return; '' = the order itself
    note     TEXT NOT NULL
) STRICT;
CREATE INDEX split_event_by_order ON split_event (merchant, order_no, id);

-- Clearing entries of splits and of what came back. The table is made anew, for its kinds are checked.
CREATE TABLE clearing_entry_next (
    kind              TEXT NOT NULL CHECK (kind IN ('PAYMENT','REFUND','SPLIT','SPLIT_RETURN')),
    ref               TEXT NOT NULL,           -- number of the payment, refund, split or return
    batch             TEXT NOT NULL REFERENCES settlement_batch (id),
    merchant          TEXT NOT NULL,
    order_no          TEXT NOT NULL,
    pay_no            TEXT NOT NULL REFERENCES payment (pay_no),
    channel           TEXT NOT NULL,
    account           TEXT NOT NULL,           -- account name of the configuration
    product           TEXT NOT NULL,           -- trade type of the payment
    currency          TEXT NOT NULL CHECK (length(currency) = 3),
    gross_minor       INTEGER NOT NULL,        -- refunds and splits negative
    fee_minor         INTEGER NOT NULL,        -- the merchant owes us; negative: we give it back
    channel_fee_minor INTEGER NOT NULL,        -- the channel keeps, as accrued; 0 if no rate is known
    net_minor         INTEGER NOT NULL,        -- we owe the merchant
    fee_returns       INTEGER NOT NULL CHECK (fee_returns IN (0, 1)), -- 1: refunds give the fee back in proportion
    terms             TEXT NOT NULL,           -- the rate that was used, in words
    at_us             INTEGER NOT NULL,        -- when the money moved
    cleared_us        INTEGER NOT NULL,
    PRIMARY KEY (kind, ref),
    CHECK (net_minor = gross_minor - fee_minor),
    CHECK ((kind IN ('PAYMENT','SPLIT_RETURN')) = (gross_minor > 0))
) STRICT, WITHOUT ROWID;
INSERT INTO clearing_entry_next SELECT kind, ref, batch, merchant, order_no, pay_no, channel, account, product, currency, gross_minor, fee_minor,
    channel_fee_minor, net_minor, fee_returns, terms, at_us, cleared_us FROM clearing_entry;
DROP TABLE clearing_entry;
ALTER TABLE clearing_entry_next RENAME TO clearing_entry;
CREATE INDEX clearing_entry_by_batch ON clearing_entry (batch, kind, ref);
CREATE INDEX clearing_entry_by_payment ON clearing_entry (pay_no);
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
CREATE TRIGGER split_order_facts_stay BEFORE UPDATE OF number, merchant, order_no, currency, amount_minor, shares, release_rest, digest, created_us ON split_order
BEGIN SELECT RAISE(ABORT, 'split_order: what was asked for never changes'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER split_order_no_delete BEFORE DELETE ON split_order BEGIN SELECT RAISE(ABORT, 'a split is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER split_share_ends BEFORE UPDATE ON split_share
WHEN NEW.split <> OLD.split OR NEW.receiver <> OLD.receiver OR NEW.amount_minor <> OLD.amount_minor OR OLD.state <> 'PENDING' AND NEW.state <> OLD.state
BEGIN SELECT RAISE(ABORT, 'split_share: its facts and its end never change'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER split_share_no_delete BEFORE DELETE ON split_share BEGIN SELECT RAISE(ABORT, 'a share is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER split_return_ends BEFORE UPDATE ON split_return
WHEN NEW.number <> OLD.number OR NEW.split <> OLD.split OR NEW.receiver <> OLD.receiver OR NEW.amount_minor <> OLD.amount_minor
    OR OLD.state <> 'PROCESSING' AND NEW.state <> OLD.state
BEGIN SELECT RAISE(ABORT, 'split_return: its facts and its end never change'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER split_return_no_delete BEFORE DELETE ON split_return BEGIN SELECT RAISE(ABORT, 'a return is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER split_hold_ends BEFORE UPDATE ON split_hold WHEN OLD.state = 'RELEASED' OR NEW.merchant <> OLD.merchant OR NEW.order_no <> OLD.order_no
BEGIN SELECT RAISE(ABORT, 'split_hold: what was released is never held again'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER split_hold_no_delete BEFORE DELETE ON split_hold BEGIN SELECT RAISE(ABORT, 'a hold is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER split_event_no_update BEFORE UPDATE ON split_event BEGIN SELECT RAISE(ABORT, 'split_event is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER split_event_no_delete BEFORE DELETE ON split_event BEGIN SELECT RAISE(ABORT, 'split_event is append-only'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE split_event; DROP TABLE split_return; DROP TABLE split_share; DROP TABLE split_order; DROP TABLE split_hold; DROP TABLE split_receiver;
