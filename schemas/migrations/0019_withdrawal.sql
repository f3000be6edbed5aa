-- +goose Up
-- Which file told a bank of a withdrawal. Written in the transaction of the file, once: its bytes are made from its
-- withdrawals, the same each time.
CREATE TABLE withdrawal_sent (
    number TEXT PRIMARY KEY REFERENCES account_document (number),
    file   TEXT NOT NULL REFERENCES payout_file (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX withdrawal_sent_by_file ON withdrawal_sent (file);
CREATE INDEX account_document_withdrawals ON account_document (about, currency, number) WHERE kind = 'WITHDRAWAL' AND state = 'PROCESSING';

-- +goose StatementBegin
CREATE TRIGGER withdrawal_sent_stays BEFORE UPDATE ON withdrawal_sent BEGIN SELECT RAISE(ABORT, 'withdrawal_sent: a withdrawal is sent once'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER withdrawal_sent_no_delete BEFORE DELETE ON withdrawal_sent BEGIN SELECT RAISE(ABORT, 'withdrawal_sent is append-only'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE withdrawal_sent; DROP INDEX account_document_withdrawals;
