-- +goose Up

-- Whose a LID or a number is, as an account knows it. key is a hash of account
-- and name. person is who has the name, or had it last: gone is then 1. changed
-- is 1 if another person had it before. since and seen are when it came to the
-- person, and when that was last known for certain.
CREATE TABLE persons (
	key     BLOB    PRIMARY KEY,
	name    BLOB    NOT NULL,
	person  TEXT    NOT NULL,
	proof   TEXT    NOT NULL,
	since   INTEGER NOT NULL,
	seen    INTEGER NOT NULL,
	changed INTEGER NOT NULL,
	gone    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX persons_person ON persons (person);
