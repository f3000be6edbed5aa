-- +goose Up
-- Requests of merchants that change something: a key stands for one request, for ever, and gives one answer.
-- Written in the transaction of the effect.
CREATE TABLE api_request (
    merchant   TEXT NOT NULL,
    key        TEXT NOT NULL,                  -- the merchant's Idempotency-Key
    digest     TEXT NOT NULL,                  -- sha256 of method, path and body
    operation  TEXT NOT NULL,
    subject    TEXT NOT NULL,                  -- number of the order, payment or refund
    state      TEXT NOT NULL CHECK (state IN ('OPEN','DONE')), -- OPEN: the channel has not been heard yet
    status     INTEGER NOT NULL,               -- HTTP status of the answer
    answer     TEXT NOT NULL,                  -- JSON
    created_us INTEGER NOT NULL,
    updated_us INTEGER NOT NULL,
    PRIMARY KEY (merchant, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX api_request_open ON api_request (created_us) WHERE state = 'OPEN';
-- +goose StatementBegin
CREATE TRIGGER api_request_stays BEFORE UPDATE ON api_request
WHEN OLD.state = 'DONE' OR NEW.merchant <> OLD.merchant OR NEW.key <> OLD.key OR NEW.digest <> OLD.digest OR NEW.subject <> OLD.subject
BEGIN SELECT RAISE(ABORT, 'api_request: a key keeps its request and its answer'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER api_request_no_delete BEFORE DELETE ON api_request BEGIN SELECT RAISE(ABORT, 'api_request is append-only'); END;
-- +goose StatementEnd

-- Numbers of signed requests, kept for longer than their signatures are taken.
CREATE TABLE api_nonce (
    merchant TEXT NOT NULL,
    nonce    TEXT NOT NULL,
    seen_us  INTEGER NOT NULL,
    PRIMARY KEY (merchant, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX api_nonce_by_time ON api_nonce (seen_us);

-- The rules of the journal, asked in fewer steps: one walk over the postings where they are in one currency, and
-- no look for a fix or a reversal that the row does not name.
DROP TRIGGER journal_balances;
-- +goose StatementBegin
CREATE TRIGGER journal_balances BEFORE INSERT ON journal
WHEN (SELECT COUNT(*) <> NEW.legs OR MIN(currency) = MAX(currency) AND SUM(amount_minor) <> 0 FROM posting WHERE txn = NEW.id)
  OR (SELECT MIN(currency) <> MAX(currency) FROM posting WHERE txn = NEW.id)
     AND EXISTS (SELECT 1 FROM posting WHERE txn = NEW.id GROUP BY currency HAVING SUM(amount_minor) <> 0)
BEGIN SELECT RAISE(ABORT, 'journal: the postings do not balance, or are not all there'); END;
-- +goose StatementEnd
DROP TRIGGER journal_no_replace;
-- +goose StatementBegin
CREATE TRIGGER journal_no_replace BEFORE INSERT ON journal
WHEN EXISTS (SELECT 1 FROM journal WHERE id = NEW.id)
  OR NEW.fix_key IS NOT NULL AND EXISTS (SELECT 1 FROM journal WHERE fix_key = NEW.fix_key)
  OR NEW.reverses IS NOT NULL AND EXISTS (SELECT 1 FROM journal WHERE reverses = NEW.reverses)
BEGIN SELECT RAISE(ABORT, 'journal is append-only'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE api_nonce; DROP TABLE api_request;
