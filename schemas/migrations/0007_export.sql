-- +goose Up
-- What an export selects by, with all that it reads of a payment: a night's rows lie side by side, in the order in
-- which they are exported, and nothing is looked up. A refund is one row in twenty, and needs its payment anyway.
DROP INDEX payment_by_event;
CREATE INDEX payment_by_event ON payment (account, event_us, pay_no, channel_ref, state, amount_minor, currency, fee_minor, trade_type);

-- +goose Down
DROP INDEX payment_by_event;
CREATE INDEX payment_by_event ON payment (account, event_us);
