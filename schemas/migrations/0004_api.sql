-- +goose Up
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
DROP TRIGGER journal_balances;
