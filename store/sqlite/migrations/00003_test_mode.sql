-- +goose Up

-- JSON of what test mode has of its own, or empty.
ALTER TABLE accounts ADD COLUMN test TEXT NOT NULL DEFAULT '';
