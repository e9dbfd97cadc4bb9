//go:build !race

package whatsapp

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// Whatever of one number's keys is damaged, the others go on; that one works,
// or is shown as logged out, with what to do, and works once it is linked again.
func TestDamageOfOneSessionIsItsOwn(t *testing.T) {
	onFile(t)
	w := newWorld(t)
	for _, table := range damageable(t, w.pool.database) {
		for _, c := range table.columns {
			if table.name != "whatsmeow_device" && !table.keys[c] {
				continue
			}
			t.Run(table.name+"."+c, func(t *testing.T) { damageOne(t, table, c) })
		}
	}
}

func damageOne(t *testing.T, table keyTable, column string) {
	w := newWorld(t)
	broken, _ := w.link("sess_broken")
	other := w.shop
	w.shop = w.server.NewPhone(whatsapptest.PhoneConfig{Name: "Whole"})
	whole, _ := w.link("sess_whole")
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
	converse(t, w, broken, other, alice)
	converse(t, w, whole, w.shop, alice)
	jid := broken.Record().Device
	require.NoError(t, w.pool.Close())

	db, err := openDatabase(t.Context(), w.dir)
	require.NoError(t, err)
	db.sql.SetMaxOpenConns(1)
	for _, pragma := range []string{"ignore_check_constraints = 1", "foreign_keys = 0"} {
		_, err = db.sql.Exec("PRAGMA " + pragma)
		require.NoError(t, err)
	}
	_, err = db.sql.Exec(fmt.Sprintf("UPDATE OR REPLACE %s SET %s = x'8badf00d' WHERE %s = ?", table.name, column,
		table.owner), jid)
	require.NoError(t, err)
	require.NoError(t, db.close())

	w.open()
	whole, _ = w.pool.Get("sess_whole")
	w.untilState(whole, pingr.SessionConnected)
	converse(t, w, whole, w.shop, alice)

	broken, _ = w.pool.Get("sess_broken")
	shot := w.until(broken, func(now Snapshot) bool {
		return now.Record.State == pingr.SessionConnected || now.Record.State == pingr.SessionLoggedOut
	})
	if shot.Record.State == pingr.SessionConnected {
		converse(t, w, broken, other, alice)
		return
	}
	assert.NotEmpty(t, shot.Record.Detail)
	assert.NotEmpty(t, shot.Record.Phone, "whose number it was is known")
	w.shop = other
	require.NoError(t, broken.Link())
	w.scan(broken)
	converse(t, w, broken, other, alice)
}

// converse lets alice write and has her read an answer.
func converse(t *testing.T, w *world, s *Session, shop, alice *whatsapptest.Phone) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	listening, stop := context.WithCancel(ctx)
	in, done := make(chan pingr.Message, 10), make(chan error, 1)
	go func() {
		done <- s.Listen(listening, func(_ context.Context, m pingr.Message) error { in <- m; return nil })
	}()
	defer func() { stop(); <-done }()
	id, err := alice.Send(ctx, shop.Number(), "login")
	require.NoError(t, err)
	m := receive(t, in)
	for m.ID != id { // one that was not acknowledged before the restart comes again first
		m = receive(t, in)
	}
	out := pingr.Outgoing{ID: "R" + id, To: m.Sender, Text: "here"}
	require.Eventually(t, func() bool { return s.Send(ctx, out) == nil }, patience, 50*time.Millisecond,
		"the answer is taken")
	for {
		got, err := alice.Next(ctx)
		require.NoError(t, err, "the answer is read")
		if got.ID == out.ID {
			return
		}
	}
}

// A keyTable is one of whatsmeow's tables; owner is the column that says whose
// device a row is.
type keyTable struct {
	name, owner string
	columns     []string
	keys        map[string]bool // columns that hold bytes
}

func damageable(t *testing.T, db *database) []keyTable {
	t.Helper()
	rows, err := db.sql.Query(`
		SELECT m.name, c.name, c.type FROM sqlite_schema m, pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name LIKE 'whatsmeow_%' ORDER BY m.name, c.cid`)
	require.NoError(t, err)
	defer rows.Close()
	var tables []keyTable
	for rows.Next() {
		var table, column, kind string
		require.NoError(t, rows.Scan(&table, &column, &kind))
		if n := len(tables); n == 0 || tables[n-1].name != table {
			tables = append(tables, keyTable{name: table, keys: map[string]bool{}})
		}
		last := &tables[len(tables)-1]
		if column == "jid" || column == "our_jid" {
			last.owner = column
		}
		last.columns = append(last.columns, column)
		last.keys[column] = kind == "bytea"
	}
	require.NoError(t, rows.Err())
	var owned []keyTable
	for _, table := range tables {
		if table.owner != "" {
			owned = append(owned, table)
		}
	}
	return owned
}
