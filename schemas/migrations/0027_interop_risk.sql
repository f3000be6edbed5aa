-- +goose Up
-- What risk decided about each debit that its wallet could have paid, and what it was decided from. Nobody can be asked
-- while the organisation waits: only PASS is paid. Amounts are integer minor units; times (*_us) are epoch microseconds UTC.
CREATE TABLE interop_risk (
    organisation  TEXT NOT NULL,
    number        TEXT NOT NULL,
    merchant      TEXT NOT NULL,               -- of the other side: 'nucc/Noodles'
    payer         TEXT NOT NULL,               -- holder of the wallet
    amount_minor  INTEGER NOT NULL,
    currency      TEXT NOT NULL CHECK (length(currency) = 3),
    decided       TEXT NOT NULL CHECK (decided IN ('PASS','CHALLENGE','REVIEW','REJECT')), -- by the rules
    rule          TEXT NOT NULL,               -- that decided; '' = none spoke against it
    rules_version INTEGER NOT NULL,
    measured      INTEGER NOT NULL,            -- what the rule looked at came to
    most          INTEGER NOT NULL,            -- its limit
    at_us         INTEGER NOT NULL,
    PRIMARY KEY (organisation, number),
    FOREIGN KEY (organisation, number) REFERENCES interop_debit (organisation, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX interop_risk_by_merchant ON interop_risk (merchant, at_us);
CREATE INDEX interop_risk_by_payer ON interop_risk (payer, at_us);

-- All decisions, of payments and of debits.
CREATE VIEW risk_judged AS
    SELECT pay_no, merchant, payer, ip, card_bin, amount_minor, currency, at_us, decided, rule, rules_version, measured, most, outcome, maker, checker, reason, updated_us
        FROM risk_decision
    UNION ALL SELECT organisation || '/' || number, merchant, payer, '', '', amount_minor, currency, at_us, decided, rule, rules_version, measured, most,
        CASE decided WHEN 'PASS' THEN 'PASS' ELSE 'REJECT' END, '', '', '', at_us FROM interop_risk;

-- +goose StatementBegin
CREATE TRIGGER interop_risk_no_update BEFORE UPDATE ON interop_risk BEGIN SELECT RAISE(ABORT, 'interop_risk: what was decided never changes'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER interop_risk_no_delete BEFORE DELETE ON interop_risk BEGIN SELECT RAISE(ABORT, 'interop_risk is append-only'); END;
-- +goose StatementEnd

-- +goose Down
DROP VIEW risk_judged; DROP TABLE interop_risk;
