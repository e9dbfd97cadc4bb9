-- +goose Up

ALTER TABLE deliveries ADD COLUMN no_reply TEXT NOT NULL DEFAULT '';
