-- +goose Up

-- Who is held for some seconds, while a webhook is asked. It need not outlive a
-- crash of the server.
CREATE UNLOGGED TABLE holds (
	key   BYTEA  PRIMARY KEY,
	owner TEXT   NOT NULL,
	until BIGINT NOT NULL
);
