package sqlstore

import (
	"context"
	"crypto/sha256"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// recognize returns the person of a sighting, and stores what it changes. Few
// messages change anything, so that most cost one look.
func (d Dialect) recognize(tx Tx, account string, s pingr.Sighting) (pingr.Person, error) {
	known, err := personNames(tx, account, s.Names()...)
	if err != nil {
		return pingr.Person{}, err
	}
	person, changed := pingr.Recognize(known, s)
	if len(changed) == 0 {
		return person, nil
	}
	if d.shared() {
		for _, name := range slices.Sorted(slices.Values(s.Names())) {
			if err := d.alone(tx, "person/"+string(personKey(account, name))); err != nil {
				return pingr.Person{}, err
			}
		}
		if known, err = personNames(tx, account, s.Names()...); err != nil {
			return pingr.Person{}, err
		}
		person, changed = pingr.Recognize(known, s)
	}
	for _, row := range changed {
		if err := putPersonName(tx, account, row); err != nil {
			return pingr.Person{}, err
		}
	}
	return person, nil
}

// Person implements [hosted.Store].
func (s *Store) Person(ctx context.Context, account, name string) (p pingr.Person, err error) {
	err = s.db.Read(ctx, func(tx Tx) error {
		known, err := personNames(tx, account, name)
		if err != nil {
			return err
		}
		var found bool
		if p, found = pingr.PersonNamed(known, name); !found {
			return hosted.ErrNotFound
		}
		return nil
	})
	return p, err
}

// personKey is short and of one length, whatever a name is.
func personKey(account, name string) []byte {
	sum := sha256.Sum256([]byte(strconv.Itoa(len(account)) + "|" + account + "|" + name))
	return sum[:16]
}

// personNames returns the rows of the names, and all others of the same
// persons.
func personNames(tx Tx, account string, names ...string) (rows []pingr.PersonName, err error) {
	args := make([]any, len(names))
	for i, name := range names {
		args[i] = personKey(account, name)
	}
	err = tx.Query(`
		SELECT name, person, proof, since, seen, changed, gone FROM persons
		WHERE person IN (SELECT person FROM persons WHERE key IN (`+places(1, len(args))+`))`,
		func(row Row) error {
			var n pingr.PersonName
			var name []byte
			var proof string
			var since, seen, changed, gone int64
			if err := row.Scan(&name, &n.Person, &proof, &since, &seen, &changed, &gone); err != nil {
				return err
			}
			n.Name, n.Proof, n.Since, n.Seen = string(name), pingr.Proof(proof), toTime(since), toTime(seen)
			n.Changed, n.Left = changed != 0, gone != 0
			rows = append(rows, n)
			return nil
		}, args...)
	return rows, err
}

func putPersonName(tx Tx, account string, n pingr.PersonName) error {
	_, err := tx.Exec(`
		INSERT INTO persons (key, name, person, proof, since, seen, changed, gone)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (key) DO UPDATE SET person = excluded.person, proof = excluded.proof, since = excluded.since,
			seen = excluded.seen, changed = excluded.changed, gone = excluded.gone`,
		personKey(account, n.Name), []byte(n.Name), n.Person, string(n.Proof), n.Since.UnixMilli(), n.Seen.UnixMilli(),
		flag(n.Changed), flag(n.Left))
	return err
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// personRecord encodes the person of a firing.
func personRecord(p pingr.Person) record {
	var r record
	r.string(1, p.ID)
	r.string(2, p.Phone)
	r.string(3, string(p.Proof))
	r.time(4, p.Since)
	r.time(5, p.Seen)
	r.bool(6, p.Changed)
	for _, lid := range p.LIDs {
		r.record(7, record(lid))
	}
	return r
}

func readPerson(b record) (p pingr.Person, err error) {
	err = b.fields(func(field protowire.Number, v value) {
		switch field {
		case 1:
			p.ID = v.string()
		case 2:
			p.Phone = v.string()
		case 3:
			p.Proof = pingr.Proof(v.string())
		case 4:
			p.Since = v.time()
		case 5:
			p.Seen = v.time()
		case 6:
			p.Changed = v.bool()
		case 7:
			p.LIDs = append(p.LIDs, v.string())
		}
	})
	return p, err
}
