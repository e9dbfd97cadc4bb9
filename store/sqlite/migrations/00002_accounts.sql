-- +goose Up

-- settings and webhook are JSON.
CREATE TABLE accounts (
	id            TEXT    PRIMARY KEY,
	email         TEXT    NOT NULL UNIQUE,
	password_hash TEXT    NOT NULL,
	plan          TEXT    NOT NULL,
	settings      TEXT    NOT NULL,
	webhook       TEXT    NOT NULL,
	created_at    INTEGER NOT NULL
);

-- hash is the SHA-256 of a key; the key itself is nowhere.
CREATE TABLE api_keys (
	id         TEXT    PRIMARY KEY,
	account    TEXT    NOT NULL,
	name       TEXT    NOT NULL,
	mode       TEXT    NOT NULL,
	hash       BLOB    NOT NULL UNIQUE,
	last       TEXT    NOT NULL,
	created_at INTEGER NOT NULL,
	used_at    INTEGER NOT NULL,
	revoked_at INTEGER NOT NULL
);
CREATE INDEX api_keys_account ON api_keys (account, created_at, id);

-- Requests that carried an idempotency key. name is a hash of whose and which.
CREATE TABLE replays (
	name    BLOB    PRIMARY KEY,
	request BLOB    NOT NULL,
	state   TEXT    NOT NULL,
	status  INTEGER NOT NULL,
	body    BLOB,
	at      INTEGER NOT NULL
) WITHOUT ROWID;

-- What the server made once and must not forget, such as what it signs with.
CREATE TABLE values_kept (
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL
) WITHOUT ROWID;
