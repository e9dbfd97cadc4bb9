-- +goose Up

-- asking names session and person of a firing in state asking, and is NULL in
-- others. answer is what the person answered, as long as it is not checked.
ALTER TABLE firings ADD COLUMN asking TEXT;
ALTER TABLE firings ADD COLUMN answer BLOB;
CREATE INDEX firings_asking ON firings (asking, seq) WHERE asking IS NOT NULL;
