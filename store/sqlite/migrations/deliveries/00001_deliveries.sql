-- +goose Up

CREATE TABLE deliveries (
	seq           INTEGER PRIMARY KEY,
	id            TEXT    NOT NULL,
	account       TEXT    NOT NULL,
	session       TEXT    NOT NULL,
	event_id      TEXT    NOT NULL,
	event         TEXT    NOT NULL,
	url           TEXT    NOT NULL,
	status        TEXT    NOT NULL,
	http_status   INTEGER NOT NULL,
	dynamic_reply INTEGER NOT NULL,
	attempt       INTEGER NOT NULL,
	duration_ms   INTEGER NOT NULL,
	error         TEXT    NOT NULL,
	at            INTEGER NOT NULL
);
CREATE INDEX deliveries_newest ON deliveries (account, at, seq);
