-- +goose Up
-- Payers of ours at merchants of others, through a clearing organisation (互联互通): tokens that stand for wallets there,
-- debits by them, refunds of these, and every message that was answered. Amounts are integer minor units; times (*_us)
-- are epoch microseconds UTC.
CREATE TABLE interop_token (
    number       TEXT PRIMARY KEY CHECK (number <> ''), -- ours: what the organisation is asked under, for ever
    organisation TEXT NOT NULL,
    wallet       TEXT NOT NULL,
    currency     TEXT NOT NULL,
    token        TEXT NOT NULL,                -- the organisation's; '' = it has not said yet, or refused
    state        TEXT NOT NULL CHECK (state IN ('APPLYING','ACTIVE','REFUSED','UNBINDING','UNBOUND')),
    version      INTEGER NOT NULL,
    created_us   INTEGER NOT NULL,
    updated_us   INTEGER NOT NULL,
    FOREIGN KEY (wallet, currency) REFERENCES account (name, currency),
    CHECK (token <> '' OR state IN ('APPLYING','REFUSED'))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX interop_token_by_token ON interop_token (organisation, token) WHERE token <> '';
CREATE INDEX interop_token_unanswered ON interop_token (updated_us) WHERE state IN ('APPLYING','UNBINDING');

CREATE TABLE interop_debit (
    organisation   TEXT NOT NULL,
    number         TEXT NOT NULL CHECK (number <> ''), -- the organisation's: it stands for this debit for ever
    digest         TEXT NOT NULL,              -- of all that was asked for
    token          TEXT NOT NULL,
    wallet         TEXT NOT NULL,              -- '' = of a token that we do not know
    amount_minor   INTEGER NOT NULL CHECK (amount_minor > 0),
    refunded_minor INTEGER NOT NULL,
    currency       TEXT NOT NULL CHECK (length(currency) = 3),
    payee          TEXT NOT NULL,              -- merchant of the other side, as the payer reads it
    state          TEXT NOT NULL CHECK (state IN ('SUCCESS','FAILED')),
    reason         TEXT NOT NULL,              -- why it failed
    version        INTEGER NOT NULL,
    created_us     INTEGER NOT NULL,
    updated_us     INTEGER NOT NULL,
    PRIMARY KEY (organisation, number),
    CHECK (refunded_minor >= 0 AND refunded_minor <= amount_minor),
    CHECK ((state = 'FAILED') = (reason <> '')),
    CHECK (state = 'SUCCESS' AND wallet <> '' OR state = 'FAILED' AND refunded_minor = 0)
) STRICT, WITHOUT ROWID;
CREATE INDEX interop_debit_by_wallet ON interop_debit (wallet, created_us);

CREATE TABLE interop_refund (
    organisation TEXT NOT NULL,
    number       TEXT NOT NULL CHECK (number <> ''), -- the organisation's: it stands for this refund for ever
    debit        TEXT NOT NULL,                -- number of the debit
    digest       TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    currency     TEXT NOT NULL CHECK (length(currency) = 3),
    state        TEXT NOT NULL CHECK (state IN ('SUCCESS','FAILED')),
    reason       TEXT NOT NULL,
    created_us   INTEGER NOT NULL,
    PRIMARY KEY (organisation, number),
    CHECK ((state = 'FAILED') = (reason <> ''))
) STRICT, WITHOUT ROWID;
CREATE INDEX interop_refund_by_debit ON interop_refund (organisation, debit);

-- Every message that was answered, for ever: the same one again gets the same answer, another one under its id none.
CREATE TABLE interop_message (
    organisation TEXT NOT NULL,
    id           TEXT NOT NULL CHECK (id <> ''),
    digest       TEXT NOT NULL,                -- of the signed envelope
    kind         TEXT NOT NULL,
    about        TEXT NOT NULL,                -- number of the debit or refund; '' = none
    answer       TEXT NOT NULL,                -- JSON
    at_us        INTEGER NOT NULL,
    PRIMARY KEY (organisation, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX interop_message_by_number ON interop_message (organisation, about, kind);

-- +goose StatementBegin
CREATE TRIGGER interop_token_stays BEFORE UPDATE ON interop_token
WHEN NEW.number <> OLD.number OR NEW.organisation <> OLD.organisation OR NEW.wallet <> OLD.wallet OR NEW.currency <> OLD.currency
    OR OLD.token <> '' AND NEW.token <> OLD.token OR OLD.state IN ('REFUSED','UNBOUND')
BEGIN SELECT RAISE(ABORT, 'interop_token: what it stands for never changes'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER interop_token_no_delete BEFORE DELETE ON interop_token BEGIN SELECT RAISE(ABORT, 'a token is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER interop_debit_stays BEFORE UPDATE ON interop_debit
WHEN NEW.organisation <> OLD.organisation OR NEW.number <> OLD.number OR NEW.digest <> OLD.digest OR NEW.token <> OLD.token OR NEW.wallet <> OLD.wallet
    OR NEW.amount_minor <> OLD.amount_minor OR NEW.currency <> OLD.currency OR NEW.state <> OLD.state OR NEW.refunded_minor < OLD.refunded_minor
BEGIN SELECT RAISE(ABORT, 'interop_debit: what was answered stays'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER interop_debit_no_delete BEFORE DELETE ON interop_debit BEGIN SELECT RAISE(ABORT, 'a debit is never deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER interop_refund_no_update BEFORE UPDATE ON interop_refund BEGIN SELECT RAISE(ABORT, 'interop_refund is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER interop_refund_no_delete BEFORE DELETE ON interop_refund BEGIN SELECT RAISE(ABORT, 'interop_refund is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER interop_message_no_update BEFORE UPDATE ON interop_message BEGIN SELECT RAISE(ABORT, 'interop_message is append-only'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER interop_message_no_delete BEFORE DELETE ON interop_message BEGIN SELECT RAISE(ABORT, 'interop_message is append-only'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE interop_message; DROP TABLE interop_refund; DROP TABLE interop_debit; DROP TABLE interop_token;
