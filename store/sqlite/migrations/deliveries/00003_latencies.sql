-- +goose Up

-- How long attempts took, counted by class (account.LatencyClass). at is when
-- the 15 minutes begin.
CREATE TABLE latencies (
	account TEXT    NOT NULL,
	at      INTEGER NOT NULL,
	class   INTEGER NOT NULL,
	n       INTEGER NOT NULL,
	PRIMARY KEY (account, at, class)
) WITHOUT ROWID;
CREATE INDEX latencies_at ON latencies (at);
