-- +goose Up

ALTER TABLE firings ADD COLUMN asking TEXT COLLATE "C", ADD COLUMN answer BYTEA;
CREATE INDEX firings_asking ON firings (asking, seq) WHERE asking IS NOT NULL;
