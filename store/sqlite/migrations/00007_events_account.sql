-- +goose Up
-- For HastenAll: the events of one account that wait, among those of all.
CREATE INDEX events_account ON events (account, next_at, seq);
