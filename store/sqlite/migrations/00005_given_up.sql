-- +goose Up

-- When the last attempt failed, or 0; next_at is then the end of time.
ALTER TABLE events ADD COLUMN given_up_at INTEGER NOT NULL DEFAULT 0;
CREATE INDEX events_given_up ON events (given_up_at) WHERE given_up_at > 0;
