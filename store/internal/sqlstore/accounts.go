package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

const accountColumns = `id, email, password_hash, plan, settings, webhook, created_at, test`

func scanAccount(row Row) (a hosted.Account, err error) {
	var settings, webhook, test string
	var created int64
	if err := row.Scan(&a.ID, &a.Email, &a.PasswordHash, &a.Plan, &settings, &webhook, &created, &test); err != nil {
		return a, err
	}
	a.CreatedAt = toTime(created)
	if err := json.Unmarshal([]byte(settings), &a.Settings); err != nil {
		return a, fmt.Errorf("read settings of %s: %w", a.ID, err)
	}
	if err := json.Unmarshal([]byte(webhook), &a.Webhook); err != nil {
		return a, fmt.Errorf("read webhook of %s: %w", a.ID, err)
	}
	if test == "" {
		return a, nil
	}
	if err := json.Unmarshal([]byte(test), &a.Test); err != nil {
		return a, fmt.Errorf("read test mode of %s: %w", a.ID, err)
	}
	return a, nil
}

func accountArgs(a hosted.Account) ([]any, error) {
	settings, err := json.Marshal(a.Settings)
	if err != nil {
		return nil, err
	}
	webhook, err := json.Marshal(a.Webhook) //nolint:gosec // the secret must be kept to sign with
	if err != nil {
		return nil, err
	}
	var test []byte
	if a.Test != nil {
		if test, err = json.Marshal(a.Test); err != nil {
			return nil, err
		}
	}
	return []any{
		a.ID, a.Email, a.PasswordHash, a.Plan, string(settings), string(webhook), a.CreatedAt.UnixMilli(), string(test),
	}, nil
}

// CreateAccount implements [hosted.Accounts].
func (s *Store) CreateAccount(ctx context.Context, a hosted.Account) error {
	args, err := accountArgs(a)
	if err != nil {
		return err
	}
	var n int64
	err = s.db.Write(ctx, func(tx Tx) (err error) {
		if err := s.dialect.alone(tx, "accounts"); err != nil {
			return err
		}
		n, err = tx.Exec(`INSERT INTO accounts (`+accountColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT DO NOTHING`, args...)
		return err
	})
	if err == nil && n == 0 {
		return pingr.ErrConflict
	}
	return err
}

// Account implements [hosted.Accounts].
func (s *Store) Account(ctx context.Context, id string) (hosted.Account, error) {
	return s.oneAccount(ctx, `SELECT `+accountColumns+` FROM accounts WHERE id = $1`, id)
}

// AccountByEmail implements [hosted.Accounts].
func (s *Store) AccountByEmail(ctx context.Context, email string) (hosted.Account, error) {
	return s.oneAccount(ctx, `SELECT `+accountColumns+` FROM accounts WHERE email = $1`, email)
}

func (s *Store) oneAccount(ctx context.Context, query, arg string) (a hosted.Account, err error) {
	err = s.db.Read(ctx, func(tx Tx) (err error) {
		a, err = findAccount(tx, query, arg)
		return err
	})
	return a, err
}

func findAccount(tx Tx, query, arg string) (a hosted.Account, err error) {
	err = tx.Query(query, func(row Row) (err error) {
		a, err = scanAccount(row)
		return err
	}, arg)
	if err == nil && a.ID == "" {
		err = hosted.ErrNotFound
	}
	return a, err
}

// Accounts returns all accounts, oldest first.
func (s *Store) Accounts(ctx context.Context) ([]hosted.Account, error) {
	var all []hosted.Account
	err := s.db.Read(ctx, func(tx Tx) error {
		return tx.Query(`SELECT `+accountColumns+` FROM accounts ORDER BY created_at, id`, func(row Row) error {
			a, err := scanAccount(row)
			all = append(all, a)
			return err
		})
	})
	return all, err
}

// AnyAccount implements [hosted.Accounts].
func (s *Store) AnyAccount(ctx context.Context) (bool, error) {
	found := false
	err := s.db.Read(ctx, func(tx Tx) error {
		found = false
		return tx.Query(`SELECT 1 FROM accounts LIMIT 1`, mark(&found))
	})
	return found, err
}

// UpdateAccount implements [hosted.Accounts].
func (s *Store) UpdateAccount(
	ctx context.Context, id string, change func(*hosted.Account) error,
) (hosted.Account, error) {
	var a hosted.Account
	var answer error // the operation's own error, which must not end the transaction of others
	err := s.db.Write(ctx, func(tx Tx) (err error) {
		answer = nil
		if err := s.dialect.alone(tx, "accounts"); err != nil {
			return err
		}
		if a, answer = findAccount(tx, `SELECT `+accountColumns+` FROM accounts WHERE id = $1`, id); answer != nil {
			return nil //nolint:nilerr // an answer for the caller, no reason to undo the transaction of others
		}
		if answer = change(&a); answer != nil {
			return nil //nolint:nilerr // an answer for the caller, no reason to undo the transaction of others
		}
		a.ID = id
		taken := false
		err = tx.Query(`SELECT id FROM accounts WHERE email = $1 AND id <> $2`, mark(&taken), a.Email, id)
		if err != nil || taken {
			if taken {
				answer = pingr.ErrConflict
			}
			return err
		}
		args, err := accountArgs(a)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`
			UPDATE accounts SET email = $2, password_hash = $3, plan = $4, settings = $5, webhook = $6,
				created_at = $7, test = $8
			WHERE id = $1`, args...)
		return err
	})
	if err == nil {
		err = answer
	}
	if err != nil {
		return hosted.Account{}, err
	}
	return a, nil
}

// LoadOrStoreValue implements [hosted.Accounts].
func (s *Store) LoadOrStoreValue(ctx context.Context, name string, make func() []byte) ([]byte, error) {
	var value []byte
	err := s.db.Write(ctx, func(tx Tx) error {
		value = nil
		const insert = `INSERT INTO values_kept (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING`
		if _, err := tx.Exec(insert, name, make()); err != nil {
			return err
		}
		read := func(row Row) error { return row.Scan(&value) }
		return tx.Query(`SELECT value FROM values_kept WHERE name = $1`, read, name)
	})
	return value, err
}

// DeleteValue implements [hosted.Accounts].
func (s *Store) DeleteValue(ctx context.Context, name string) error {
	return s.db.Write(ctx, func(tx Tx) error {
		_, err := tx.Exec(`DELETE FROM values_kept WHERE name = $1`, name)
		return err
	})
}
