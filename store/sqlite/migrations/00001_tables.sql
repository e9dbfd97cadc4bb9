-- +goose Up

-- Firings, in the order they were accepted. text and reply are a person's message
-- and the answer to it: NULL once the firing is done. Where several processes
-- share a database, each claims the firings of its own sessions.
CREATE TABLE firings (
	seq         INTEGER PRIMARY KEY,
	id          TEXT    NOT NULL UNIQUE,
	account     TEXT    NOT NULL,
	session     TEXT    NOT NULL,
	state       TEXT    NOT NULL DEFAULT 'accepted',
	attempt     INTEGER NOT NULL DEFAULT 0,
	holder      TEXT    NOT NULL,
	lease_until INTEGER NOT NULL,
	accepted_at INTEGER NOT NULL,
	done_at     INTEGER,
	outcome     TEXT    NOT NULL DEFAULT '',
	reason      TEXT    NOT NULL DEFAULT '',
	body        BLOB    NOT NULL,
	decision    BLOB,
	text        BLOB,
	reply       BLOB
);
-- What Claim looks through without visiting the rows (for which SQLite wants
-- done_at in it too).
CREATE INDEX firings_unfinished ON firings (seq, account, lease_until, done_at) WHERE done_at IS NULL;

-- Hashes of session and message key.
CREATE TABLE message_keys (
	key         BLOB    PRIMARY KEY,
	accepted_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE limits (
	key   BLOB    PRIMARY KEY,
	taken INTEGER NOT NULL,
	until INTEGER NOT NULL
) WITHOUT ROWID;

-- given_up_at is when the last attempt failed, or 0; next_at is then the end of
-- time. scheduled_at is when an attempt that was brought forward was due; -1 once
-- it failed, until the next one that was not brought forward.
CREATE TABLE events (
	seq          INTEGER PRIMARY KEY,
	id           TEXT    NOT NULL UNIQUE,
	account      TEXT    NOT NULL,
	attempt      INTEGER NOT NULL,
	next_at      INTEGER NOT NULL,
	lease_until  INTEGER NOT NULL DEFAULT 0,
	event        BLOB    NOT NULL,
	given_up_at  INTEGER NOT NULL DEFAULT 0,
	scheduled_at INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX events_next ON events (next_at, seq);
-- For MakeAllDue: the waiting events of one account among those of all.
CREATE INDEX events_account ON events (account, next_at, seq);
CREATE INDEX events_given_up ON events (given_up_at) WHERE given_up_at > 0;

-- phrase_key is the normalised phrase.
CREATE TABLE triggers (
	id         TEXT    PRIMARY KEY,
	session    TEXT    NOT NULL,
	phrase     TEXT    NOT NULL,
	phrase_key TEXT    NOT NULL,
	reply      TEXT    NOT NULL,
	active     INTEGER NOT NULL,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL,
	UNIQUE (session, phrase_key)
);
CREATE INDEX triggers_active ON triggers (session, phrase_key) WHERE active = 1;

CREATE TABLE sessions (
	id           TEXT    PRIMARY KEY,
	account      TEXT    NOT NULL,
	name         TEXT    NOT NULL,
	device       TEXT    NOT NULL,
	phone        TEXT    NOT NULL,
	state        TEXT    NOT NULL,
	reason       INTEGER NOT NULL,
	detail       TEXT    NOT NULL,
	reported     INTEGER NOT NULL,
	connected_at INTEGER NOT NULL,
	created_at   INTEGER NOT NULL
);

-- settings and webhook are JSON; so is test, what test mode has of its own, or empty.
CREATE TABLE accounts (
	id            TEXT    PRIMARY KEY,
	email         TEXT    NOT NULL UNIQUE,
	password_hash TEXT    NOT NULL,
	plan          TEXT    NOT NULL,
	settings      TEXT    NOT NULL,
	webhook       TEXT    NOT NULL,
	created_at    INTEGER NOT NULL,
	test          TEXT    NOT NULL DEFAULT ''
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
