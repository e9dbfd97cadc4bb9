-- +goose Up

-- store/sqlite/migrations says what the columns hold. What strangers wrote is
-- BYTEA; text that is compared in order is compared by its bytes.
CREATE TABLE firings (
	seq         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	id          TEXT   COLLATE "C" NOT NULL UNIQUE,
	account     TEXT   COLLATE "C" NOT NULL,
	session     TEXT   COLLATE "C" NOT NULL,
	state       TEXT   NOT NULL DEFAULT 'accepted',
	attempt     BIGINT NOT NULL DEFAULT 0,
	holder      TEXT   NOT NULL,
	lease_until BIGINT NOT NULL,
	accepted_at BIGINT NOT NULL,
	done_at     BIGINT,
	outcome     TEXT   NOT NULL DEFAULT '',
	reason      TEXT   NOT NULL DEFAULT '',
	body        BYTEA  NOT NULL,
	decision    BYTEA,
	text        BYTEA,
	reply       BYTEA
) WITH (fillfactor = 80);
CREATE INDEX firings_unfinished ON firings (seq) INCLUDE (accepted_at) WHERE done_at IS NULL;

CREATE TABLE message_keys (
	key         BYTEA  PRIMARY KEY,
	accepted_at BIGINT NOT NULL
);

-- One row of an account is written by all of its replies.
CREATE TABLE limits (
	key   BYTEA  PRIMARY KEY,
	taken BIGINT NOT NULL,
	until BIGINT NOT NULL
) WITH (fillfactor = 50);

CREATE TABLE events (
	seq          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	id           TEXT   COLLATE "C" NOT NULL UNIQUE,
	account      TEXT   COLLATE "C" NOT NULL,
	attempt      BIGINT NOT NULL,
	next_at      BIGINT NOT NULL,
	lease_until  BIGINT NOT NULL DEFAULT 0,
	event        BYTEA  NOT NULL,
	given_up_at  BIGINT NOT NULL DEFAULT 0,
	scheduled_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX events_next ON events (next_at, seq);
CREATE INDEX events_account ON events (account, next_at, seq);
CREATE INDEX events_given_up ON events (given_up_at) WHERE given_up_at > 0;

CREATE TABLE triggers (
	id         TEXT   COLLATE "C" PRIMARY KEY,
	session    TEXT   COLLATE "C" NOT NULL,
	phrase     TEXT   NOT NULL,
	phrase_key TEXT   COLLATE "C" NOT NULL,
	reply      TEXT   NOT NULL,
	active     BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	UNIQUE (session, phrase_key)
);
CREATE INDEX triggers_active ON triggers (session, phrase_key) WHERE active = 1;

CREATE TABLE sessions (
	id           TEXT   COLLATE "C" PRIMARY KEY,
	account      TEXT   NOT NULL,
	name         TEXT   NOT NULL,
	device       TEXT   NOT NULL,
	phone        TEXT   NOT NULL,
	state        TEXT   NOT NULL,
	reason       BIGINT NOT NULL,
	detail       TEXT   NOT NULL,
	reported     BIGINT NOT NULL,
	connected_at BIGINT NOT NULL,
	created_at   BIGINT NOT NULL
);

CREATE TABLE accounts (
	id            TEXT   COLLATE "C" PRIMARY KEY,
	email         TEXT   COLLATE "C" NOT NULL UNIQUE,
	password_hash TEXT   NOT NULL,
	plan          TEXT   NOT NULL,
	settings      TEXT   NOT NULL,
	webhook       TEXT   NOT NULL,
	created_at    BIGINT NOT NULL,
	test          TEXT   NOT NULL DEFAULT ''
);

CREATE TABLE api_keys (
	id         TEXT   COLLATE "C" PRIMARY KEY,
	account    TEXT   COLLATE "C" NOT NULL,
	name       TEXT   NOT NULL,
	mode       TEXT   NOT NULL,
	hash       BYTEA  NOT NULL UNIQUE,
	last       TEXT   NOT NULL,
	created_at BIGINT NOT NULL,
	used_at    BIGINT NOT NULL,
	revoked_at BIGINT NOT NULL
);
CREATE INDEX api_keys_account ON api_keys (account, created_at, id);

CREATE TABLE replays (
	name    BYTEA  PRIMARY KEY,
	request BYTEA  NOT NULL,
	state   TEXT   NOT NULL,
	status  BIGINT NOT NULL,
	body    BYTEA,
	at      BIGINT NOT NULL
);

CREATE TABLE values_kept (
	name  TEXT  COLLATE "C" PRIMARY KEY,
	value BYTEA NOT NULL
);

CREATE TABLE deliveries (
	seq           BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	id            TEXT   COLLATE "C" NOT NULL,
	account       TEXT   COLLATE "C" NOT NULL,
	session       TEXT   NOT NULL,
	event_id      TEXT   NOT NULL,
	event         TEXT   NOT NULL,
	url           TEXT   NOT NULL,
	status        TEXT   COLLATE "C" NOT NULL,
	http_status   BIGINT NOT NULL,
	dynamic_reply BIGINT NOT NULL,
	attempt       BIGINT NOT NULL,
	duration_ms   BIGINT NOT NULL,
	error         TEXT   NOT NULL,
	at            BIGINT NOT NULL,
	logged_at     BIGINT NOT NULL,
	no_reply      TEXT   NOT NULL
);
CREATE INDEX deliveries_logged ON deliveries (account, logged_at, seq);
CREATE INDEX deliveries_status ON deliveries (account, status, logged_at, seq);
CREATE INDEX deliveries_id ON deliveries (id);

CREATE TABLE counts (
	account  TEXT   COLLATE "C" NOT NULL,
	at       BIGINT NOT NULL,
	dynamic  BIGINT NOT NULL,
	static   BIGINT NOT NULL,
	cooldown BIGINT NOT NULL,
	quota    BIGINT NOT NULL,
	expired  BIGINT NOT NULL,
	no_phone BIGINT NOT NULL,
	failed   BIGINT NOT NULL,
	PRIMARY KEY (account, at)
) WITH (fillfactor = 50);
CREATE INDEX counts_at ON counts (at);

CREATE TABLE latencies (
	account TEXT   COLLATE "C" NOT NULL,
	at      BIGINT NOT NULL,
	class   BIGINT NOT NULL,
	n       BIGINT NOT NULL,
	PRIMARY KEY (account, at, class)
) WITH (fillfactor = 80);
CREATE INDEX latencies_at ON latencies (at);

-- People held for some seconds while a webhook is asked. It need not survive a
-- crash of the server.
CREATE UNLOGGED TABLE holds (
	key   BYTEA  PRIMARY KEY,
	owner TEXT   NOT NULL,
	until BIGINT NOT NULL
);
