package sqlstore

import (
	"context"
	"time"

	"github.com/heypingr/pingr"
)

// askingKey names the firings that ask a person something.
func askingKey(session, person string) string { return person + "/" + session }

// Answer implements [pingr.Firings]. Most messages answer nothing, and are only
// looked for.
func (s *Store) Answer(ctx context.Context, a pingr.Answer, l pingr.Lease) (f pingr.Firing, mine bool, err error) {
	sighting := a.Sighting()
	var person pingr.Person
	var asking bool
	err = s.db.Read(ctx, func(tx Tx) error {
		known, err := personNames(tx, a.Account, sighting.Names()...)
		if err != nil {
			return err
		}
		if person, asking = pingr.PersonOf(known, sighting); !asking {
			return nil
		}
		f, asking, err = latestAsking(tx, a, person)
		return err
	})
	if err != nil || !asking {
		return pingr.Firing{}, false, err
	}
	err = s.db.Write(ctx, func(tx Tx) error {
		f, mine, err = answer(tx, a, person, l)
		return err
	})
	if err != nil || !mine {
		return pingr.Firing{}, false, err
	}
	return f, true, nil
}

// latestAsking returns the firing that a message of the person answers.
func latestAsking(tx Tx, a pingr.Answer, p pingr.Person) (f pingr.Firing, ok bool, err error) {
	err = tx.Query(`SELECT `+firingColumns+` FROM firings WHERE asking = $1 AND answer IS NULL ORDER BY seq DESC LIMIT 1`,
		func(row Row) error {
			ok = true
			return scanFiring(row, &f)
		}, askingKey(a.Session, p.ID))
	return f, ok && err == nil && f.AskUntil.After(a.At), err
}

func answer(tx Tx, a pingr.Answer, p pingr.Person, l pingr.Lease) (f pingr.Firing, mine bool, err error) {
	f, ok, err := latestAsking(tx, a, p)
	if err != nil || !ok {
		return f, false, err
	}
	keys := messageKeys(pingr.Firing{Session: a.Session, Message: a.Message}, p)
	insert, args := insertKeys(keys, a.At.UnixMilli())
	if added, err := tx.Exec(insert, args...); err != nil || added < int64(len(keys)) {
		return f, false, err
	}
	n, err := tx.Exec(`UPDATE firings SET answer = $2 WHERE id = $1 AND asking IS NOT NULL AND answer IS NULL`,
		f.ID, []byte(a.Text))
	if err != nil || n == 0 {
		return f, false, err
	}
	n, err = tx.Exec(`
		UPDATE firings SET holder = $2, lease_until = $3
		WHERE id = $1 AND NOT (holder <> '' AND lease_until > $4)`,
		f.ID, l.Holder, l.Until.UnixMilli(), a.At.UnixMilli())
	f.Answer = a.Text
	return f, n == 1, err
}

// Rest implements [pingr.Firings].
func (s *Store) Rest(
	ctx context.Context, id, holder string, until time.Time,
) (f pingr.Firing, answered bool, err error) {
	err = s.db.Write(ctx, func(tx Tx) error {
		answered = false
		const held = ` WHERE id = $1 AND holder = $2 AND holder <> '' AND state = 'asking' AND `
		n, err := tx.Exec(`UPDATE firings SET holder = '', lease_until = $3`+held+`answer IS NULL`,
			id, holder, until.UnixMilli())
		if err != nil || n == 1 {
			return err
		}
		return tx.Query(`SELECT `+firingColumns+` FROM firings`+held+`answer IS NOT NULL`, func(row Row) error {
			answered = true
			return scanFiring(row, &f)
		}, id, holder)
	})
	return f, answered && err == nil, err
}

// Confirm implements [pingr.Firings].
func (s *Store) Confirm(ctx context.Context, c pingr.Confirmation) (f pingr.Firing, confirmed bool, err error) {
	err = s.db.Write(ctx, func(tx Tx) (err error) {
		f, confirmed, err = s.dialect.confirm(tx, c)
		return err
	})
	return f, confirmed && err == nil, err
}

func (d Dialect) confirm(tx Tx, c pingr.Confirmation) (f pingr.Firing, confirmed bool, err error) {
	n, err := tx.Exec(`
		UPDATE firings SET state = 'accepted', answer = NULL, reply = NULL, asking = NULL
		WHERE id = $1 AND holder = $2 AND holder <> '' AND state IN ('accepted', 'asking')`, c.Firing, c.Holder)
	if err != nil {
		return f, false, err
	}
	if f, err = readFiring(tx, c.Firing); err != nil || n == 0 {
		return f, false, err
	}
	person, err := d.recognize(tx, f.Account, c.Sighting(f.Person.ID))
	if err != nil {
		return f, false, err
	}
	f.Recognized(person)
	if _, err := tx.Exec(`UPDATE firings SET body = $2 WHERE id = $1`, f.ID, body(f)); err != nil {
		return f, false, err
	}
	return f, true, giveBack(tx, c.Release)
}
