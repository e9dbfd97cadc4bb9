package whatsapp

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"go.mau.fi/whatsmeow/store/sqlstore"

	"github.com/heypingr/pingr"
)

// CheckKeys reads the keys of sessions in dir and changes nothing. It may run
// while a [Pool] is open. It returns what is wrong, by session id. Sessions
// that are not linked have no entry, and neither does any session if there is
// no file yet.
func CheckKeys(ctx context.Context, dir string, records []pingr.SessionRecord) (map[string]error, error) {
	file := filepath.Join(dir, "whatsapp.db")
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	query := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)"}}
	dsn := url.URL{Scheme: "file", Opaque: (&url.URL{Path: file}).EscapedPath(), RawQuery: query.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, fmt.Errorf("check keys: %w", err)
	}
	defer db.Close()
	keys, broken := sqlstore.NewWithDB(db, "sqlite", nil), make(map[string]error)
	for _, r := range records {
		if r.Device == "" {
			continue
		}
		jid, err := deviceJID(r.Device)
		if err == nil {
			_, err = readDevice(ctx, keys, jid)
		}
		if err != nil {
			broken[r.ID] = err
		}
	}
	return broken, nil
}
