package whatsapp

import (
	"context"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"

	"github.com/heypingr/pingr/internal/pgpool"
	"github.com/heypingr/pingr/internal/pgtest"
	"github.com/heypingr/pingr/store/postgres"
)

// withTables makes the tables in a schema of a server.
func withTables(t *testing.T, server *pgtest.Server) (url string) {
	t.Helper()
	url = server.URL(t)
	s, err := postgres.Open(t.Context(), postgres.Config{URL: url, MaxConns: 1})
	require.NoError(t, err)
	require.NoError(t, s.Close())
	return url
}

func openOn(t *testing.T, url string, ring *Keyring) *database {
	t.Helper()
	db, err := openTables(t.Context(), url, "", ring)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.close()) })
	anything := func([]byte) bool { return true }
	db.sound = soundness{anything, anything}
	return db
}

func noError(t *testing.T) func(error) {
	t.Helper()
	return func(err error) { assert.NoError(t, err) }
}

// An update of whatsmeow that changes its tables needs a migration in
// store/postgres.
func TestTablesAreWhatsmeows(t *testing.T) {
	server := pgtest.New(t, "-c", "fsync=off")
	ours := openOn(t, withTables(t, server), testRing(t))
	config, err := pgpool.Parse(server.URL(t))
	require.NoError(t, err)
	theirs := pgpool.OpenUnlimited(config, 2)
	defer theirs.Close()
	require.NoError(t, sqlstore.NewWithDB(theirs, "pgx", nil).Upgrade(t.Context()))
	sealed := []string{
		"whatsmeow_device_noise_key_check", "whatsmeow_device_identity_key_check",
		"whatsmeow_device_signed_pre_key_check", "whatsmeow_pre_keys_key_check",
	} // the lengths of what is sealed
	var got, want string
	const columns = `
		SELECT string_agg(concat_ws(' ', table_name, column_name, data_type, is_nullable, column_default), E'\n'
			ORDER BY table_name, column_name)
		FROM information_schema.columns
		WHERE table_schema = current_schema() AND table_name LIKE 'whatsmeow\_%' AND table_name <> 'whatsmeow_version'`
	require.NoError(t, ours.sql.QueryRow(columns).Scan(&got))
	require.NoError(t, theirs.QueryRow(columns).Scan(&want))
	assert.Equal(t, want, got)
	const constraints = `
		SELECT string_agg(conrelid::regclass || ' ' || pg_get_constraintdef(oid), E'\n'
			ORDER BY conrelid::regclass::text, pg_get_constraintdef(oid))
		FROM pg_constraint
		WHERE connamespace = current_schema()::regnamespace AND contype <> 'n'
			AND conrelid::regclass::text LIKE 'whatsmeow\_%' AND conrelid::regclass::text <> 'whatsmeow_version'
			AND conname <> ALL ($1::text[])`
	require.NoError(t, ours.sql.QueryRow(constraints, sealed).Scan(&got))
	require.NoError(t, theirs.QueryRow(constraints, sealed).Scan(&want))
	assert.Equal(t, want, got)
	const indexes = `
		SELECT string_agg(replace(indexdef, schemaname || '.', ''), E'\n' ORDER BY indexname)
		FROM pg_indexes WHERE schemaname = current_schema() AND tablename LIKE 'whatsmeow\_%'
			AND tablename <> 'whatsmeow_version'`
	require.NoError(t, ours.sql.QueryRow(indexes).Scan(&got))
	require.NoError(t, theirs.QueryRow(indexes).Scan(&want))
	assert.Equal(t, want, got)
}

// A counter counts what goes to the server.
type counter struct {
	statements, batches, roundTrips atomic.Int64
}

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.statements.Add(1)
	return ctx
}

func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *counter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	c.batches.Add(1)
	return ctx
}

func (c *counter) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {
	c.statements.Add(1)
}

func (c *counter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// of returns how many statements and round trips f makes.
func (c *counter) of(f func()) (statements, roundTrips int) {
	c.statements.Store(0)
	c.roundTrips.Store(0)
	f()
	return int(c.statements.Load()), int(c.roundTrips.Load())
}

// A countedConn counts how often a write follows a read.
type countedConn struct {
	net.Conn
	wrote *atomic.Bool
	trips *atomic.Int64
}

func (c countedConn) Write(b []byte) (int, error) {
	if !c.wrote.Swap(true) {
		c.trips.Add(1)
	}
	return c.Conn.Write(b)
}

func (c countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.wrote.Store(false)
	}
	return n, err
}

func openCounted(t *testing.T, url string) (*database, *counter) {
	t.Helper()
	config, err := pgpool.Parse(url)
	require.NoError(t, err)
	var n counter
	config.Tracer = &n
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return countedConn{conn, new(atomic.Bool), &n.roundTrips}, nil
	}
	db, err := prepareTables(t.Context(), pgpool.Open(config, 1), "", testRing(t))
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, db.close()) })
	anything := func([]byte) bool { return true }
	db.sound = soundness{anything, anything}
	return db, &n
}

// A message and its reply are one write of keys, in one round trip.
func TestAMessageIsOneRoundTrip(t *testing.T) {
	db, count := openCounted(t, withTables(t, pgtest.New(t, "-c", "fsync=off")))
	d := saveDevice(t, db, noError(t))
	byHand(d)
	ctx := t.Context()
	turn := byte(0)
	message := func(first bool) func() {
		return func() {
			turn++
			hash := [32]byte{turn}
			require.NoError(t, d.DoDecryptionTxn(ctx, func(ctx context.Context) error {
				require.NoError(t, d.PutSession(ctx, ada, []byte{turn}))
				if first {
					require.NoError(t, d.PutIdentity(ctx, ada, [32]byte{turn}))
					require.NoError(t, d.RemovePreKey(ctx, uint32(turn)))
				}
				return d.PutBufferedEvent(ctx, hash, []byte("login"), time.Unix(1, 0))
			}))
			require.NoError(t, d.ClearBufferedEventPlaintext(ctx, hash))
			byHand(d)
			require.NoError(t, d.PutManySessions(ctx, map[string][]byte{ada: {turn}, bob: {turn}}))
		}
	}
	message(true)() // prepares the statements
	message(false)()
	for _, c := range []struct {
		name       string
		first      bool
		statements int
	}{
		{"of somebody known", false, 2}, // the fence, and the sessions
		{"of somebody new", true, 4},    // and the identity, and the one-time key
	} {
		statements, trips := count.of(message(c.first))
		assert.Equal(t, c.statements, statements, c.name)
		assert.Equal(t, 1, trips, c.name)
	}
}

// Linking makes 812 one-time keys, which must not be as many transactions.
func TestLinkingWritesItsKeysAtOnce(t *testing.T) {
	db, count := openCounted(t, withTables(t, pgtest.New(t, "-c", "fsync=off")))
	d := saveDevice(t, db, noError(t))
	statements, trips := count.of(func() {
		made, err := d.GetOrGenPreKeys(t.Context(), 812)
		require.NoError(t, err)
		require.Len(t, made, 812)
	})
	assert.LessOrEqual(t, statements, 6)
	assert.LessOrEqual(t, trips, 10)
	again, err := d.GetOrGenPreKeys(t.Context(), 813)
	require.NoError(t, err)
	require.Len(t, again, 813)
	for i, key := range again {
		assert.EqualValues(t, i+1, key.KeyID)
		stored, err := d.GetPreKey(t.Context(), key.KeyID)
		require.NoError(t, err)
		require.Equal(t, *key.Priv, *stored.Priv)
	}
}

// stale returns the store of a device whose session another process has claimed
// since.
func stale(t *testing.T, db *database) *deviceTables {
	t.Helper()
	d := saveDevice(t, db, noError(t))
	_, err := d.GetOrGenPreKeys(t.Context(), 3)
	require.NoError(t, err)
	require.NoError(t, d.PutSession(t.Context(), ada, []byte("step")))
	inner := d.journal.inner.(soundStore).deviceStore.(*deviceTables)
	_, err = db.where.claim(t.Context(), "sess")
	require.NoError(t, err)
	return inner
}

// contents are all keys, as text.
func contents(t *testing.T, db *database) string {
	t.Helper()
	var all strings.Builder
	rows, err := db.sql.Query(`
		SELECT table_name FROM information_schema.tables
		WHERE table_schema = current_schema() AND table_name LIKE 'whatsmeow\_%' ORDER BY 1`)
	require.NoError(t, err)
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		require.NoError(t, rows.Scan(&name))
		names = append(names, name)
	}
	require.NoError(t, rows.Err())
	require.Greater(t, len(names), 12)
	for _, name := range names {
		var text string
		require.NoError(t, db.sql.QueryRow(`SELECT coalesce(string_agg(t::text, E'\n' ORDER BY t::text), '')
			FROM `+name+` t`).Scan(&text))
		all.WriteString(name + "\n" + text + "\n")
	}
	return all.String()
}

// I1: whatever writes keys fails when another process has the session, and
// changes nothing. A method that an update of whatsmeow adds is found too.
func TestNoWriteWithoutTheLease(t *testing.T) {
	db := openOn(t, withTables(t, pgtest.New(t, "-c", "fsync=off")), testRing(t))
	d := stale(t, db)
	before := contents(t, db)
	writes := []string{"Put", "Delete", "Add", "Clear", "Gen", "GetOrGen", "Mark", "Migrate", "Remove", "Do"}
	reads := []string{"Get", "Has", "Is", "Uploaded"}
	has := func(prefixes []string, name string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(name, p) })
	}
	methods := reflect.TypeFor[store.AllSessionSpecificStores]()
	checked := 0
	for i := range methods.NumMethod() {
		name := methods.Method(i).Name
		if !has(writes, name) {
			assert.True(t, has(reads, name), "%s writes or reads?", name)
			continue
		}
		method := reflect.ValueOf(d).MethodByName(name)
		var args []reflect.Value
		for at := range method.Type().NumIn() {
			args = append(args, something(t, method.Type().In(at)))
		}
		var results []reflect.Value
		if method.Type().IsVariadic() {
			results = method.CallSlice(args)
		} else {
			results = method.Call(args)
		}
		err, _ := results[len(results)-1].Interface().(error)
		assert.ErrorIs(t, err, errLost, name)
		checked++
	}
	assert.Greater(t, checked, 30)
	jid := ourJID
	keys := db.keys.NewDevice()
	keys.ID, keys.Account = &jid, signedAccount()
	assert.ErrorIs(t, db.where.putDevice(t.Context(), d.claim, keys), errLost)
	assert.ErrorIs(t, db.where.eraseDevice(t.Context(), d.claim, ourJID), errLost, "also when WhatsApp says 401")
	assert.ErrorIs(t, d.apply(t.Context(), &changes{preKeys: map[uint32]struct{}{1: {}}}), errLost)
	assert.ErrorIs(t, db.where.holds(t.Context(), d.claim), errLost)
	assert.Equal(t, before, contents(t, db))
}

// something is a value of a type that a write would store.
func something(t *testing.T, of reflect.Type) reflect.Value {
	t.Helper()
	v := reflect.New(of).Elem()
	switch {
	case of == reflect.TypeFor[context.Context]():
		v.Set(reflect.ValueOf(t.Context()))
	case of == reflect.TypeFor[types.JID]():
		v.Set(reflect.ValueOf(adaLID))
	case of == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Now()))
	case of == reflect.TypeFor[[]byte]():
		v.Set(reflect.ValueOf(make([]byte, 32)))
	case of.Kind() == reflect.String:
		v.SetString(ada)
	case of.Kind() == reflect.Uint32, of.Kind() == reflect.Uint64:
		v.SetUint(1)
	case of.Kind() == reflect.Slice:
		v.Set(reflect.Append(v, something(t, of.Elem())))
	case of.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(of))
		v.SetMapIndex(something(t, of.Key()), something(t, of.Elem()))
	case of.Kind() == reflect.Struct:
		for i := range of.NumField() {
			v.Field(i).Set(something(t, of.Field(i).Type))
		}
	case of.Kind() == reflect.Func:
		v.Set(reflect.MakeFunc(of, func([]reflect.Value) []reflect.Value {
			assert.Fail(t, "without the lease nothing runs")
			return []reflect.Value{reflect.Zero(of.Out(0))}
		}))
	}
	return v
}
