-- +goose Up

-- Firings, in the order they were accepted. text and reply are what a person
-- wrote and is answered: NULL once the firing is done.
CREATE TABLE firings (
	seq         INTEGER PRIMARY KEY,
	id          TEXT    NOT NULL UNIQUE,
	account     TEXT    NOT NULL,
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

CREATE TABLE events (
	seq         INTEGER PRIMARY KEY,
	id          TEXT    NOT NULL UNIQUE,
	account     TEXT    NOT NULL,
	attempt     INTEGER NOT NULL,
	next_at     INTEGER NOT NULL,
	lease_until INTEGER NOT NULL DEFAULT 0,
	event       BLOB    NOT NULL
);
CREATE INDEX events_next ON events (next_at, seq);

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
