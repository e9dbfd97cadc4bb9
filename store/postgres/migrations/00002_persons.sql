-- +goose Up

CREATE TABLE persons (
	key     BYTEA  PRIMARY KEY,
	name    BYTEA  NOT NULL,
	person  TEXT   COLLATE "C" NOT NULL,
	proof   TEXT   NOT NULL,
	since   BIGINT NOT NULL,
	seen    BIGINT NOT NULL,
	changed BIGINT NOT NULL,
	gone    BIGINT NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX persons_person ON persons (person);
