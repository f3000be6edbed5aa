-- +goose Up
-- Combined payments: an order paid in parts, by accounts of ours and by one channel; orders about nothing; orders with
-- an end. Amounts are integer minor units; times (*_us) are epoch microseconds UTC.

-- An order about nothing is paid when it is opened. The table is made anew; the references to it are counted again
-- when its rows come back.
PRAGMA defer_foreign_keys = ON;
CREATE TABLE customer_order_before AS SELECT * FROM customer_order;
DROP TABLE customer_order;
CREATE TABLE customer_order (
    merchant     TEXT NOT NULL,
    order_no     TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor >= 0),
    currency     TEXT NOT NULL CHECK (length(currency) = 3),
    state        TEXT NOT NULL CHECK (state IN ('PAYING','PAID','CLOSED')),
    paid_by      TEXT NOT NULL DEFAULT '',   -- the first payment that succeeded; '' before, and of an order about nothing
    notify_url   TEXT NOT NULL DEFAULT '',   -- where the merchant hears of it; '' = nowhere
    version      INTEGER NOT NULL,
    created_us   INTEGER NOT NULL,
    updated_us   INTEGER NOT NULL,
    expires_us   INTEGER NOT NULL DEFAULT 0, -- from then on nobody pays it; 0 = never
    PRIMARY KEY (merchant, order_no),
    CHECK ((state = 'PAID') = (paid_by <> '' OR amount_minor = 0)),
    CHECK (paid_by = '' OR amount_minor > 0)
) STRICT, WITHOUT ROWID;
INSERT INTO customer_order (merchant, order_no, amount_minor, currency, state, paid_by, notify_url, version, created_us, updated_us)
    SELECT merchant, order_no, amount_minor, currency, state, paid_by, notify_url, version, created_us, updated_us FROM customer_order_before;
DROP TABLE customer_order_before;
CREATE INDEX customer_order_expires ON customer_order (expires_us) WHERE state = 'PAYING' AND expires_us > 0;

-- A part that an account of ours pays is a payment of its own: its channel says by what means, its account is 'own',
-- and channel_ref holds the number of a coupon, so that one coupon pays once.
ALTER TABLE payment ADD COLUMN part_of TEXT NOT NULL DEFAULT '';        -- the payment that leads it; '' = it leads, or is alone
ALTER TABLE payment ADD COLUMN parts INTEGER NOT NULL DEFAULT 0;        -- how many it leads
ALTER TABLE payment ADD COLUMN wallet TEXT NOT NULL DEFAULT '' CHECK (wallet = '' OR account = 'own'); -- the account of ours that pays
ALTER TABLE payment ADD COLUMN expires_us INTEGER NOT NULL DEFAULT 0;   -- its order's, when it was made
CREATE INDEX payment_by_lead ON payment (part_of) WHERE part_of <> '';
CREATE INDEX payment_by_wallet ON payment (wallet, currency) WHERE wallet <> '';

-- A refund of a combined payment is one row for each part that gives back. The first has the number that was asked for.
ALTER TABLE refund ADD COLUMN part_of TEXT NOT NULL DEFAULT '';         -- the first row; '' = it is that, or alone
ALTER TABLE refund ADD COLUMN asked_minor INTEGER NOT NULL DEFAULT 0;   -- of the first row: what all give back together; 0 = it is alone
CREATE INDEX refund_by_lead ON refund (part_of) WHERE part_of <> '';

-- +goose Down
DROP INDEX refund_by_lead; DROP INDEX payment_by_wallet; DROP INDEX payment_by_lead; DROP INDEX customer_order_expires;
ALTER TABLE refund DROP COLUMN asked_minor; ALTER TABLE refund DROP COLUMN part_of;
ALTER TABLE payment DROP COLUMN expires_us; ALTER TABLE payment DROP COLUMN wallet; ALTER TABLE payment DROP COLUMN parts; ALTER TABLE payment DROP COLUMN part_of;
ALTER TABLE customer_order DROP COLUMN expires_us;
