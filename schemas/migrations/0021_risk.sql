-- +goose Up
-- What risk decided about each payment before its channel was called, and what it was decided from. Amounts are integer
-- minor units; times (*_us) are epoch microseconds UTC.
CREATE TABLE risk_decision (
    pay_no        TEXT PRIMARY KEY REFERENCES payment (pay_no),
    merchant      TEXT NOT NULL,
    payer         TEXT NOT NULL,               -- '' = not known, as the next two
    ip            TEXT NOT NULL,
    card_bin      TEXT NOT NULL,
    amount_minor  INTEGER NOT NULL,
    currency      TEXT NOT NULL CHECK (length(currency) = 3),
    decided       TEXT NOT NULL CHECK (decided IN ('PASS','CHALLENGE','REVIEW','REJECT')), -- by the rules
    rule          TEXT NOT NULL,               -- that decided; '' = none spoke against it
    rules_version INTEGER NOT NULL,
    measured      INTEGER NOT NULL,            -- what the rule looked at came to
    most          INTEGER NOT NULL,            -- its limit
    outcome       TEXT NOT NULL CHECK (outcome IN ('PASS','CHALLENGE','REVIEW','REJECT')), -- what holds now
    maker         TEXT NOT NULL DEFAULT '',    -- who decided a review, or asked for its release
    checker       TEXT NOT NULL DEFAULT '',    -- the second person of a release above the limit
    reason        TEXT NOT NULL DEFAULT '',
    version       INTEGER NOT NULL,
    at_us         INTEGER NOT NULL,
    updated_us    INTEGER NOT NULL,
    CHECK (outcome = decided OR decided = 'REVIEW' AND outcome IN ('PASS','REJECT') AND maker <> ''),
    CHECK (checker = '' OR checker <> maker)
) STRICT, WITHOUT ROWID;
CREATE INDEX risk_decision_by_merchant ON risk_decision (merchant, at_us);
CREATE INDEX risk_decision_by_payer ON risk_decision (payer, at_us) WHERE payer <> '';
CREATE INDEX risk_decision_by_ip ON risk_decision (ip, at_us) WHERE ip <> '';
CREATE INDEX risk_decision_by_card ON risk_decision (card_bin, at_us) WHERE card_bin <> '';
CREATE INDEX risk_decision_review ON risk_decision (at_us) WHERE outcome = 'REVIEW';

-- +goose StatementBegin
CREATE TRIGGER risk_decision_ends BEFORE UPDATE ON risk_decision
WHEN OLD.outcome <> 'REVIEW' OR NEW.pay_no <> OLD.pay_no OR NEW.decided <> OLD.decided OR NEW.amount_minor <> OLD.amount_minor OR NEW.at_us <> OLD.at_us
BEGIN SELECT RAISE(ABORT, 'risk_decision: what was decided never changes'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER risk_decision_no_delete BEFORE DELETE ON risk_decision BEGIN SELECT RAISE(ABORT, 'risk_decision is append-only'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE risk_decision;
