-- +goose Up

-- logged_at never falls from one row to the next: pages are cut by it. no_reply
-- is why an answer gave no reply (pingr.NoReply), or empty.
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
	at            INTEGER NOT NULL,
	logged_at     INTEGER NOT NULL,
	no_reply      TEXT    NOT NULL
);
CREATE INDEX deliveries_logged ON deliveries (account, logged_at, seq);
CREATE INDEX deliveries_status ON deliveries (account, status, logged_at, seq);
CREATE INDEX deliveries_id ON deliveries (id);

-- How long attempts took, counted by class (hosted.LatencyClass). at is when
-- the 15 minutes begin.
CREATE TABLE latencies (
	account TEXT    NOT NULL,
	at      INTEGER NOT NULL,
	class   INTEGER NOT NULL,
	n       INTEGER NOT NULL,
	PRIMARY KEY (account, at, class)
) WITHOUT ROWID;
CREATE INDEX latencies_at ON latencies (at);
