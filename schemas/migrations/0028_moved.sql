-- +goose Up
-- What the controls of each minute look at: the balances that moved since the run before, and the refused notifications.
ALTER TABLE account_balance ADD COLUMN log_seq INTEGER NOT NULL DEFAULT 0; -- end of the log of state moves when it was last written
CREATE INDEX account_balance_moved ON account_balance (log_seq);
CREATE INDEX notification_in_refused ON notification_in (account, notify_id) WHERE result = 'REFUSED';

-- +goose Down
DROP INDEX notification_in_refused; DROP INDEX account_balance_moved;
ALTER TABLE account_balance DROP COLUMN log_seq;
