-- +goose Up
-- The checks that every payment runs through. For an IN of three values and more SQLite fills a table of its own each
-- time it is asked, which took longer than the insert of the row; comparisons joined by OR say the same and take
-- nothing. Only the text of the checks changes, no row: this is how SQLite wants such a change to be made.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'state IN (''PAYING'',''PAID'',''CLOSED'')', 'state = ''PAYING'' OR state = ''PAID'' OR state = ''CLOSED''')
    WHERE type = 'table' AND name = 'customer_order';
UPDATE sqlite_schema SET sql = replace(sql, 'state IN (''PAYING'',''SUCCESS'',''FAILED'',''CLOSED'')', 'state = ''PAYING'' OR state = ''SUCCESS'' OR state = ''FAILED'' OR state = ''CLOSED''')
    WHERE type = 'table' AND name = 'payment';
UPDATE sqlite_schema SET sql = replace(sql, 'state IN (''PROCESSING'',''SUCCESS'',''FAILED'',''CLOSED'')', 'state = ''PROCESSING'' OR state = ''SUCCESS'' OR state = ''FAILED'' OR state = ''CLOSED''')
    WHERE type = 'table' AND name = 'refund';
UPDATE sqlite_schema SET sql = replace(sql, 'subject IN (''ORDER'',''PAYMENT'',''REFUND'',''FIX'')', 'subject = ''ORDER'' OR subject = ''PAYMENT'' OR subject = ''REFUND'' OR subject = ''FIX''')
    WHERE type = 'table' AND name = 'order_event';
UPDATE sqlite_schema SET sql = replace(sql, 'type IN (''ASSET'',''LIABILITY'',''INCOME'',''EXPENSE'')', 'type = ''ASSET'' OR type = ''LIABILITY'' OR type = ''INCOME'' OR type = ''EXPENSE''')
    WHERE type = 'table' AND name = 'ledger_account';
UPDATE sqlite_schema SET sql = replace(sql, 'state IN (''PENDING'',''SENT'',''DEAD'')', 'state = ''PENDING'' OR state = ''SENT'' OR state = ''DEAD''')
    WHERE type = 'table' AND name = 'outbox';
PRAGMA writable_schema = RESET;

-- +goose Down
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, 'state = ''PAYING'' OR state = ''PAID'' OR state = ''CLOSED''', 'state IN (''PAYING'',''PAID'',''CLOSED'')')
    WHERE type = 'table' AND name = 'customer_order';
UPDATE sqlite_schema SET sql = replace(sql, 'state = ''PAYING'' OR state = ''SUCCESS'' OR state = ''FAILED'' OR state = ''CLOSED''', 'state IN (''PAYING'',''SUCCESS'',''FAILED'',''CLOSED'')')
    WHERE type = 'table' AND name = 'payment';
UPDATE sqlite_schema SET sql = replace(sql, 'state = ''PROCESSING'' OR state = ''SUCCESS'' OR state = ''FAILED'' OR state = ''CLOSED''', 'state IN (''PROCESSING'',''SUCCESS'',''FAILED'',''CLOSED'')')
    WHERE type = 'table' AND name = 'refund';
UPDATE sqlite_schema SET sql = replace(sql, 'subject = ''ORDER'' OR subject = ''PAYMENT'' OR subject = ''REFUND'' OR subject = ''FIX''', 'subject IN (''ORDER'',''PAYMENT'',''REFUND'',''FIX'')')
    WHERE type = 'table' AND name = 'order_event';
UPDATE sqlite_schema SET sql = replace(sql, 'type = ''ASSET'' OR type = ''LIABILITY'' OR type = ''INCOME'' OR type = ''EXPENSE''', 'type IN (''ASSET'',''LIABILITY'',''INCOME'',''EXPENSE'')')
    WHERE type = 'table' AND name = 'ledger_account';
UPDATE sqlite_schema SET sql = replace(sql, 'state = ''PENDING'' OR state = ''SENT'' OR state = ''DEAD''', 'state IN (''PENDING'',''SENT'',''DEAD'')')
    WHERE type = 'table' AND name = 'outbox';
PRAGMA writable_schema = RESET;
