-- +goose Up

-- Firings by how they ended, counted as they end. at is when the 15 minutes
-- begin.
CREATE TABLE counts (
	account  TEXT    NOT NULL,
	at       INTEGER NOT NULL,
	dynamic  INTEGER NOT NULL,
	static   INTEGER NOT NULL,
	cooldown INTEGER NOT NULL,
	quota    INTEGER NOT NULL,
	expired  INTEGER NOT NULL,
	no_phone INTEGER NOT NULL,
	failed   INTEGER NOT NULL,
	PRIMARY KEY (account, at)
) WITHOUT ROWID;
CREATE INDEX counts_at ON counts (at);

INSERT INTO counts
SELECT account, done_at - done_at % 900000,
	sum(outcome = 'replied' AND reason = 'dynamic'), sum(outcome = 'replied' AND reason <> 'dynamic'),
	sum(outcome = 'cooldown'), sum(outcome = 'quota'), sum(outcome = 'expired'), sum(outcome = 'no_phone'),
	sum(outcome = 'failed')
FROM firings WHERE done_at IS NOT NULL GROUP BY 1, 2;
