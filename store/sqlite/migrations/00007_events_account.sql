-- +goose Up

-- For HastenAll: the events of one account that wait, among those of all.
CREATE INDEX events_account ON events (account, next_at, seq);

-- When an attempt that was brought forward was due; -1 once it failed, until the
-- next one that was not.
ALTER TABLE events ADD COLUMN scheduled_at BIGINT NOT NULL DEFAULT 0;
