-- +goose Up
-- The payment that a finding is about, as its rows name it: of a refund that only the channel knows, the case itself
-- has no number of ours. Settlement leaves its order out while the case is open.
ALTER TABLE case_finding ADD COLUMN pay_no TEXT NOT NULL DEFAULT '';      -- our number of the payment
ALTER TABLE case_finding ADD COLUMN channel_ref TEXT NOT NULL DEFAULT ''; -- the channel's number of the payment

-- +goose Down
ALTER TABLE case_finding DROP COLUMN channel_ref; ALTER TABLE case_finding DROP COLUMN pay_no;
