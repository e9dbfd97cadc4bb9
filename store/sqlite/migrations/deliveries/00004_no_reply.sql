-- +goose Up

-- Why an answer gave no reply (pingr.NoReply), or empty.
ALTER TABLE deliveries ADD COLUMN no_reply TEXT NOT NULL DEFAULT '';
