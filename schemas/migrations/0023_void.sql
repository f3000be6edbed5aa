-- +goose Up
-- A refund of a whole payment may go to its channel as a void (消费撤销), under its own number. Where the channel refuses
-- that for certain, it goes on as a refund under another number: the first one is used up there.
ALTER TABLE refund ADD COLUMN sent_as TEXT NOT NULL DEFAULT ''; -- by which the channel knows it, and records name it; '' = refund_no
CREATE UNIQUE INDEX refund_by_sent_as ON refund (sent_as) WHERE sent_as <> '';
ALTER TABLE channel_task ADD COLUMN way TEXT NOT NULL DEFAULT '' CHECK (way = '' OR way = 'VOID'); -- of a REFUND: how its own number went out; '' = as a refund, or not yet

-- +goose StatementBegin
CREATE TRIGGER refund_sent_as_stays BEFORE UPDATE OF sent_as ON refund
WHEN OLD.sent_as <> '' AND NEW.sent_as <> OLD.sent_as
BEGIN SELECT RAISE(ABORT, 'refund: the number that the channel has stays'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER channel_task_way_stays BEFORE UPDATE OF way ON channel_task
WHEN OLD.way <> '' AND NEW.way <> OLD.way
BEGIN SELECT RAISE(ABORT, 'channel_task: what went out as a void stays one'); END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER channel_task_way_stays; DROP TRIGGER refund_sent_as_stays;
ALTER TABLE channel_task DROP COLUMN way;
DROP INDEX refund_by_sent_as;
ALTER TABLE refund DROP COLUMN sent_as;
