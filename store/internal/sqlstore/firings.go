package sqlstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/heypingr/pingr"
)

// Accept implements [pingr.Firings].
func (s *Store) Accept(ctx context.Context, f pingr.Firing, l pingr.Lease) (pingr.Firing, bool, error) {
	var stored pingr.Firing
	var first, taken bool
	err := s.db.Write(ctx, func(tx Tx) (err error) {
		stored = f
		first, taken, err = s.dialect.accept(tx, &stored, l)
		return err
	})
	if err == nil && taken {
		err = fmt.Errorf("firing %s is already in the store", f.ID)
	}
	if err != nil {
		return f, false, err
	}
	return stored, first, nil
}

// accept recognizes the sender of a firing, and stores the firing if its keys
// are all new. taken reports that another firing has its id.
func (d Dialect) accept(tx Tx, f *pingr.Firing, l pingr.Lease) (first, taken bool, err error) {
	person, err := d.recognize(tx, f.Account, f.Sighting())
	if err != nil {
		return false, false, err
	}
	keys := messageKeys(*f, person)
	f.Recognized(person)
	accepted := f.AcceptedAt.UnixMilli()
	insert, args := insertKeys(keys, accepted)
	added, err := tx.Exec(insert, args...)
	if err != nil || added < int64(len(keys)) {
		return false, false, err
	}
	n, err := tx.Exec(`
		INSERT INTO firings (id, account, session, holder, lease_until, accepted_at, body, text)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (id) DO NOTHING`,
		f.ID, f.Account, f.Session, l.Holder, l.Until.UnixMilli(), accepted, body(*f), []byte(f.Message.Text))
	if err != nil || n == 1 {
		return err == nil, false, err
	}
	return false, true, forgetKeys(tx, keys)
}

// messageKeys returns the message's keys under all names of the person, of the
// session, as hashes. They are short and of one length.
func messageKeys(f pingr.Firing, p pingr.Person) [][]byte {
	names := f.Message.Keys(p)
	keys := make([][]byte, len(names))
	for i, name := range names {
		sum := sha256.Sum256([]byte(strconv.Itoa(len(f.Session)) + "|" + f.Session + "|" + name))
		keys[i] = sum[:16]
	}
	return keys
}

func insertKeys(keys [][]byte, at int64) (string, []any) {
	if len(keys) == 1 {
		return `INSERT INTO message_keys (key, accepted_at) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING`, []any{keys[0], at}
	}
	query := strings.Builder{}
	query.WriteString(`INSERT INTO message_keys (key, accepted_at) VALUES ($2, $1)`)
	args := []any{at, keys[0]}
	for _, key := range keys[1:] {
		args = append(args, key)
		query.WriteString(`, ($` + strconv.Itoa(len(args)) + `, $1)`)
	}
	query.WriteString(` ON CONFLICT (key) DO NOTHING`)
	return query.String(), args
}

func forgetKeys(tx Tx, keys [][]byte) error {
	for _, key := range keys {
		if _, err := tx.Exec(`DELETE FROM message_keys WHERE key = $1`, key); err != nil {
			return err
		}
	}
	return nil
}

// Claim implements [pingr.Firings].
func (s *Store) Claim(
	ctx context.Context, l pingr.Lease, now time.Time, skip []string, limit int,
) ([]pingr.Firing, error) {
	if limit <= 0 {
		return nil, ctx.Err()
	}
	var own []string
	if s.dialect.Sessions != nil {
		own = s.dialect.Sessions()
	}
	from := ` FROM firings WHERE done_at IS NULL AND lease_until <= $1` + notIn(2, skip) + s.ours(2+len(skip), own)
	args := append([]any{now.UnixMilli()}, anys(slices.Concat(skip, own))...)
	if ok, err := s.exists(ctx, from, args); err != nil || !ok {
		return nil, err
	}
	n := len(args)
	// All right sides see the old values of the row.
	query := `
		WITH claimed AS (SELECT seq` + from + ` ORDER BY seq LIMIT ` + place(n+1) + ` ` + s.dialect.Lock + `)
		UPDATE firings SET holder = ` + place(n+2) + `, lease_until = ` + place(n+3) + `,
			attempt = attempt + CASE WHEN holder <> '' AND state = 'accepted' THEN 1 ELSE 0 END,
			state = CASE WHEN holder <> '' AND state = 'decided' THEN 'unknown' ELSE state END
		WHERE seq IN (SELECT seq FROM claimed)
		RETURNING seq, ` + firingColumns
	args = append(args, int64(limit), l.Holder, l.Until.UnixMilli())
	var rows []seqFiring
	err := s.db.Write(ctx, func(tx Tx) error {
		rows = rows[:0]
		return tx.Query(query, func(row Row) error {
			var f seqFiring
			err := scanFiring(withSeq{row, &f.seq}, &f.Firing)
			rows = append(rows, f)
			return err
		}, args...)
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b seqFiring) int { return int(a.seq - b.seq) })
	firings := make([]pingr.Firing, len(rows))
	for i, f := range rows {
		firings[i] = f.Firing
	}
	return firings, nil
}

// exists looks for a row without making writers wait: behind a long queue of
// accounts to skip, it may take a while to see that there is none.
func (s *Store) exists(ctx context.Context, from string, args []any) (bool, error) {
	found := false
	err := s.db.Read(ctx, func(tx Tx) error {
		return tx.Query(`SELECT 1`+from+` LIMIT 1`, func(Row) error {
			found = true
			return nil
		}, args...)
	})
	return found, err
}

type seqFiring struct {
	pingr.Firing
	seq int64
}

// withSeq is a row with one more column in front.
type withSeq struct {
	Row
	seq *int64
}

func (r withSeq) Scan(into ...any) error { return r.Row.Scan(append([]any{r.seq}, into...)...) }

// notIn returns the condition that the account is not in skip. Its placeholders
// begin at first.
func notIn(first int, skip []string) string {
	if len(skip) == 0 {
		return ""
	}
	return ` AND account NOT IN (` + places(first, len(skip)) + `)`
}

// ours returns the condition that no other process serves the session: this one
// does, or none does any more.
func (s *Store) ours(first int, own []string) string {
	if s.dialect.Sessions == nil {
		return ""
	}
	gone := `NOT EXISTS (SELECT 1 FROM sessions WHERE sessions.id = firings.session)`
	if len(own) == 0 {
		return ` AND ` + gone
	}
	return ` AND (session IN (` + places(first, len(own)) + `) OR ` + gone + `)`
}

func places(first, n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = place(first + i)
	}
	return strings.Join(all, ", ")
}

func place(n int) string { return "$" + strconv.Itoa(n) }

func anys(texts []string) []any {
	all := make([]any, len(texts))
	for i, text := range texts {
		all[i] = text
	}
	return all
}

// Keep implements [pingr.Firings].
func (s *Store) Keep(ctx context.Context, id, holder string, state pingr.State, l pingr.Lease) (bool, error) {
	var n int64
	err := s.db.Write(ctx, func(tx Tx) (err error) {
		n, err = tx.Exec(`
			UPDATE firings SET holder = $3, lease_until = $4, state = CASE WHEN $5 = '' THEN state ELSE $5 END
			WHERE id = $1 AND holder = $2 AND holder <> '' AND done_at IS NULL`,
			id, holder, l.Holder, l.Until.UnixMilli(), string(state))
		return err
	})
	return n == 1 && err == nil, err
}

// Decide implements [pingr.Firings].
func (s *Store) Decide(ctx context.Context, d pingr.Decision) (f pingr.Firing, decided bool, err error) {
	err = s.db.Write(ctx, func(tx Tx) (err error) {
		f, decided, err = decide(tx, d)
		return err
	})
	return f, decided && err == nil, err
}

// decide takes the limits before it knows whether d may decide, because it
// nearly always may, and gives them back if not. That saves one statement.
func decide(tx Tx, d pingr.Decision) (f pingr.Firing, decided bool, err error) {
	var taken []pingr.Limit
	refused := d.Refused
	if refused == nil {
		if taken, err = take(tx, d.At, d.Limits); err != nil && !errors.As(err, &refused) {
			return f, false, err
		}
	}
	if refused != nil {
		f, decided, err = refuse(tx, d, refused.Kind)
	} else {
		f, decided, err = settle(tx, d, taken)
	}
	switch {
	case err != nil:
		return f, false, err
	case decided:
		return f, true, enqueue(tx, d.Queued(refused))
	}
	if err := giveBack(tx, taken); err != nil {
		return f, false, err
	}
	f, err = readFiring(tx, d.Firing)
	return f, false, err
}

// settle moves a firing that d.Holder holds to StateDecided or StateAsking.
func settle(tx Tx, d pingr.Decision, taken []pingr.Limit) (f pingr.Firing, ok bool, err error) {
	state, limits := pingr.StateDecided, slices.Concat(d.Kept, taken)
	if !d.AskUntil.IsZero() {
		state = pingr.StateAsking
	}
	err = tx.Query(`
		UPDATE firings SET state = $5, decision = $3, reply = $4, answer = NULL, asking = NULL
		WHERE id = $1 AND holder = $2 AND holder <> '' AND state IN ('accepted', 'asking')
		RETURNING account, attempt, accepted_at, body, text`,
		func(row Row) error {
			ok = true
			var attempt, accepted int64
			var body, text []byte
			if err := row.Scan(&f.Account, &attempt, &accepted, &body, &text); err != nil {
				return err
			}
			f.Attempt, f.AcceptedAt, f.Message.Text = int(attempt), toTime(accepted), string(text)
			return readBody(body, &f)
		}, d.Firing, d.Holder, decision(d, limits), []byte(d.Text), string(state))
	f.ID, f.State, f.Text, f.Source, f.Limits = d.Firing, state, d.Text, d.Source, limits
	f.DecidedAt = toTime(d.At.UnixMilli())
	if f.Asked = d.Asked; state != pingr.StateAsking {
		return f, ok, err
	}
	f.AskUntil = toTime(d.AskUntil.UnixMilli())
	if err == nil && ok {
		_, err = tx.Exec(`UPDATE firings SET asking = $2 WHERE id = $1`, f.ID, askingKey(f.Session, f.Person.ID))
	}
	return f, ok, err
}

// refuse ends a firing that d.Holder holds, with the limit's kind.
func refuse(tx Tx, d pingr.Decision, kind pingr.LimitKind) (f pingr.Firing, ok bool, err error) {
	err = tx.Query(`
		UPDATE firings SET state = 'done', done_at = $3, decision = $4, outcome = $5,
			text = NULL, reply = NULL, answer = NULL, asking = NULL, holder = '', lease_until = 0
		WHERE id = $1 AND holder = $2 AND holder <> '' AND state IN ('accepted', 'asking')
		RETURNING `+firingColumns,
		func(row Row) error {
			ok = true
			return scanFiring(row, &f)
		}, d.Firing, d.Holder, d.At.UnixMilli(), decision(pingr.Decision{At: d.At}, nil), string(kind))
	if err == nil && ok {
		err = countFiring(tx, f.Account, d.At, kind, "")
	}
	return f, ok, err
}

func readFiring(tx Tx, id string) (f pingr.Firing, err error) {
	found := false
	err = tx.Query(`SELECT `+firingColumns+` FROM firings WHERE id = $1`, func(row Row) error {
		found = true
		return scanFiring(row, &f)
	}, id)
	if err == nil && !found {
		err = fmt.Errorf("no firing %s", id)
	}
	return f, err
}

// Finish implements [pingr.Firings].
func (s *Store) Finish(ctx context.Context, o pingr.Outcome) error {
	var missing bool
	// The reply is out. If this write is lost, the reply is sent again under the
	// same id.
	err := s.db.WriteSoon(ctx, func(tx Tx) error {
		missing = false
		ended, err := end(tx, o)
		switch {
		case err != nil:
			return err
		case ended:
			return enqueue(tx, o.Retry)
		}
		missing, err = isMissing(tx, o.Firing)
		return err
	})
	if err == nil && missing {
		err = fmt.Errorf("no firing %s", o.Firing)
	}
	return err
}

// end erases the texts of an unfinished firing, records its outcome, gives its
// limits back if told to, and counts it. The count comes last, because it is
// the row that most others want too.
func end(tx Tx, o pingr.Outcome) (ended bool, err error) {
	f := pingr.Firing{}
	err = tx.Query(`
		UPDATE firings SET state = 'done', done_at = $2, outcome = $3, reason = $4,
			text = NULL, reply = NULL, answer = NULL, asking = NULL, holder = '', lease_until = 0
		WHERE id = $1 AND done_at IS NULL AND ($5 = '' OR holder = $5)
		RETURNING account, decision`,
		func(row Row) error {
			ended = true
			var decision []byte
			if err := row.Scan(&f.Account, &decision); err != nil {
				return err
			}
			return readDecision(decision, &f)
		}, o.Firing, o.At.UnixMilli(), string(o.Kind), o.Reason, o.Holder)
	if err != nil || !ended {
		return false, err
	}
	if o.Release {
		if err := giveBack(tx, f.Limits); err != nil {
			return false, err
		}
	}
	return true, countFiring(tx, f.Account, o.At, o.Kind, f.Source)
}

func isMissing(tx Tx, id string) (bool, error) {
	missing := true
	err := tx.Query(`SELECT seq FROM firings WHERE id = $1`, func(Row) error {
		missing = false
		return nil
	}, id)
	return missing, err
}
