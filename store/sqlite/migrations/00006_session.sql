-- +goose Up

-- Where several processes share a database, each claims what its own numbers
-- received.
ALTER TABLE firings ADD COLUMN session TEXT NOT NULL DEFAULT '';
