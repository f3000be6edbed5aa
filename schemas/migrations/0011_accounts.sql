-- +goose Up
-- Holders, their accounts, what is done with them, and the balance of every ledger account. Amounts are integer minor
-- units; times (*_us) are epoch microseconds UTC.
CREATE TABLE entity (
    id         TEXT PRIMARY KEY CHECK (id <> ''),
    kind       TEXT NOT NULL CHECK (kind IN ('MERCHANT','USER','PLATFORM')),
    parent     TEXT REFERENCES entity (id),    -- the merchant above it; NULL = none. It never changes.
    name       TEXT NOT NULL,
    created_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    name         TEXT NOT NULL,                -- of the ledger: 'wallet:U01'
    currency     TEXT NOT NULL CHECK (length(currency) = 3),
    entity       TEXT NOT NULL REFERENCES entity (id),
    pay          INTEGER NOT NULL CHECK (pay IN (0, 1)),
    withdraw     INTEGER NOT NULL CHECK (withdraw IN (0, 1)),
    transfer_in  INTEGER NOT NULL CHECK (transfer_in IN (0, 1)),
    transfer_out INTEGER NOT NULL CHECK (transfer_out IN (0, 1)),
    overdraft    INTEGER NOT NULL CHECK (overdraft IN (0, 1)), -- 1: may go below zero
    active       INTEGER NOT NULL CHECK (active IN (0, 1)),
    frozen       INTEGER NOT NULL CHECK (frozen IN (0, 1)),    -- 1: no command moves money in or out
    version      INTEGER NOT NULL,
    created_us   INTEGER NOT NULL,
    updated_us   INTEGER NOT NULL,
    PRIMARY KEY (name, currency)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_by_entity ON account (entity);

-- The balance of every ledger account, written in the transaction of its postings: available + frozen is the sum of
-- the postings, turned so that the account's normal side is positive. seal = HMAC-SHA256 of the row under the key
-- of the configuration; '' while the books have none.
CREATE TABLE account_balance (
    account         TEXT NOT NULL,
    currency        TEXT NOT NULL CHECK (length(currency) = 3),
    available_minor INTEGER NOT NULL,
    frozen_minor    INTEGER NOT NULL CHECK (frozen_minor >= 0),
    version         INTEGER NOT NULL,
    seal            TEXT NOT NULL,
    PRIMARY KEY (account, currency)
) STRICT, WITHOUT ROWID;
INSERT INTO account_balance (account, currency, available_minor, frozen_minor, version, seal)
    SELECT p.account, p.currency, CASE WHEN a.type IN ('ASSET','EXPENSE') THEN SUM(p.amount_minor) ELSE -SUM(p.amount_minor) END, 0, 1, ''
    FROM posting p JOIN ledger_account a ON a.name = p.account GROUP BY p.account, p.currency, a.type;

-- What was done with accounts, each under its own number for ever.
CREATE TABLE account_document (
    number       TEXT PRIMARY KEY,
    kind         TEXT NOT NULL CHECK (kind IN ('FREEZE','UNFREEZE','TRANSFER','WITHDRAWAL','DEPOSIT')),
    account      TEXT NOT NULL,
    currency     TEXT NOT NULL,
    about        TEXT NOT NULL,                -- the freeze, the other account, the bank, the payment
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    back_minor   INTEGER NOT NULL,             -- FREEZE: given back so far
    payee        TEXT NOT NULL,                -- WITHDRAWAL: where the bank sends it
    bank_ref     TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('PROCESSING','SUCCESS','FAILED')),
    version      INTEGER NOT NULL,
    created_us   INTEGER NOT NULL,
    updated_us   INTEGER NOT NULL,
    FOREIGN KEY (account, currency) REFERENCES account (name, currency),
    CHECK (back_minor >= 0 AND back_minor <= amount_minor),
    CHECK (kind <> 'FREEZE' OR (state = 'SUCCESS') = (back_minor = amount_minor)),
    CHECK (state = 'SUCCESS' OR kind IN ('FREEZE','WITHDRAWAL'))
) STRICT, WITHOUT ROWID;
CREATE INDEX account_document_by_account ON account_document (account, currency, created_us);
CREATE UNIQUE INDEX account_document_deposit ON account_document (about) WHERE kind = 'DEPOSIT';

-- +goose StatementBegin
CREATE TRIGGER account_balance_floor BEFORE UPDATE ON account_balance
WHEN NEW.available_minor < 0 AND NEW.available_minor < OLD.available_minor
    AND EXISTS (SELECT 1 FROM account WHERE name = NEW.account AND currency = NEW.currency AND overdraft = 0)
BEGIN SELECT RAISE(ABORT, 'account_balance: the account may not go below zero'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER account_balance_begins BEFORE INSERT ON account_balance
WHEN NEW.available_minor < 0
    AND EXISTS (SELECT 1 FROM account WHERE name = NEW.account AND currency = NEW.currency AND overdraft = 0)
BEGIN SELECT RAISE(ABORT, 'account_balance: the account may not go below zero'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER account_balance_no_delete BEFORE DELETE ON account_balance BEGIN SELECT RAISE(ABORT, 'a balance is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER account_no_delete BEFORE DELETE ON account BEGIN SELECT RAISE(ABORT, 'an account is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER entity_no_update BEFORE UPDATE ON entity BEGIN SELECT RAISE(ABORT, 'an entity never changes'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER account_document_facts_stay BEFORE UPDATE OF number, kind, account, currency, about, amount_minor, payee, created_us ON account_document
BEGIN SELECT RAISE(ABORT, 'account_document: its facts never change'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER account_document_no_delete BEFORE DELETE ON account_document BEGIN SELECT RAISE(ABORT, 'account_document is append-only'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE account_document; DROP TABLE account_balance; DROP TABLE account; DROP TABLE entity;
