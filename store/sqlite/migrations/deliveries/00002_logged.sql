-- +goose Up

-- logged_at never falls from one row to the next: it is what one pages by.
ALTER TABLE deliveries ADD COLUMN logged_at INTEGER NOT NULL DEFAULT 0;
UPDATE deliveries SET logged_at = at;
CREATE INDEX deliveries_logged ON deliveries (account, logged_at, seq);
CREATE INDEX deliveries_status ON deliveries (account, status, logged_at, seq);
CREATE INDEX deliveries_id ON deliveries (id);
