package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// A brokenStore fails one of the API's calls, by its name, and records the calls.
type brokenStore struct {
	Store
	mu    sync.Mutex
	call  string
	calls map[string]bool
}

var errBroken = errors.New("broken: hush")

// breaks lets a call fail from now on, and forgets the recorded calls.
func (b *brokenStore) breaks(call string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.call, b.calls = call, map[string]bool{}
}

// made returns the recorded calls.
func (b *brokenStore) made() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.calls))
}

func (b *brokenStore) fails(call string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.calls != nil {
		b.calls[call] = true
	}
	if b.call != call {
		return nil
	}
	return errBroken
}

// asked makes a call of the store, unless that is the one that fails.
func asked[T any](b *brokenStore, call string, ask func() (T, error)) (none T, err error) {
	if err := b.fails(call); err != nil {
		return none, err
	}
	return ask()
}

// done is asked for calls that answer nothing.
func done(b *brokenStore, call string, do func() error) error {
	if err := b.fails(call); err != nil {
		return err
	}
	return do()
}

var brokenCalls = []string{
	"CreateAccount", "Account", "AccountByEmail", "UpdateAccount", "CreateKey", "KeyByHash", "Keys", "RevokeKey", "UseKey",
	"BeginReplay", "EndReplay", "DeliveryPage", "Delivery", "QueuedEvents", "MakeDue", "LogDelivery", "Trigger",
	"Triggers",
	"CreateTrigger", "UpdateTrigger", "DeleteTrigger", "FindTrigger", "LimitTaken", "Stats", "Reserve", "Release", "Peek",
}

func (b *brokenStore) CreateAccount(ctx context.Context, a hosted.Account) error {
	return done(b, "CreateAccount", func() error { return b.Store.CreateAccount(ctx, a) })
}

func (b *brokenStore) Account(ctx context.Context, id string) (hosted.Account, error) {
	return asked(b, "Account", func() (hosted.Account, error) { return b.Store.Account(ctx, id) })
}

func (b *brokenStore) AccountByEmail(ctx context.Context, email string) (hosted.Account, error) {
	return asked(b, "AccountByEmail", func() (hosted.Account, error) { return b.Store.AccountByEmail(ctx, email) })
}

func (b *brokenStore) UpdateAccount(
	ctx context.Context, id string, change func(*hosted.Account) error,
) (hosted.Account, error) {
	return asked(b, "UpdateAccount", func() (hosted.Account, error) { return b.Store.UpdateAccount(ctx, id, change) })
}

func (b *brokenStore) CreateKey(ctx context.Context, k hosted.Key) error {
	return done(b, "CreateKey", func() error { return b.Store.CreateKey(ctx, k) })
}

func (b *brokenStore) KeyByHash(ctx context.Context, hash [32]byte) (hosted.Key, error) {
	return asked(b, "KeyByHash", func() (hosted.Key, error) { return b.Store.KeyByHash(ctx, hash) })
}

func (b *brokenStore) Keys(ctx context.Context, owner string) ([]hosted.Key, error) {
	return asked(b, "Keys", func() ([]hosted.Key, error) { return b.Store.Keys(ctx, owner) })
}

func (b *brokenStore) RevokeKey(ctx context.Context, owner, id string, at time.Time) error {
	return done(b, "RevokeKey", func() error { return b.Store.RevokeKey(ctx, owner, id, at) })
}

func (b *brokenStore) UseKey(ctx context.Context, id string, at time.Time) error {
	return done(b, "UseKey", func() error { return b.Store.UseKey(ctx, id, at) })
}

func (b *brokenStore) BeginReplay(ctx context.Context, r hosted.Replay) (hosted.Replay, bool, error) {
	if err := b.fails("BeginReplay"); err != nil {
		return hosted.Replay{}, false, err
	}
	return b.Store.BeginReplay(ctx, r)
}

func (b *brokenStore) EndReplay(ctx context.Context, r hosted.Replay) error {
	return done(b, "EndReplay", func() error { return b.Store.EndReplay(ctx, r) })
}

func (b *brokenStore) DeliveryPage(ctx context.Context, q hosted.DeliveryQuery) (hosted.DeliveryPage, error) {
	return asked(b, "DeliveryPage", func() (hosted.DeliveryPage, error) { return b.Store.DeliveryPage(ctx, q) })
}

func (b *brokenStore) Delivery(ctx context.Context, owner, id string) (pingr.Delivery, error) {
	return asked(b, "Delivery", func() (pingr.Delivery, error) { return b.Store.Delivery(ctx, owner, id) })
}

func (b *brokenStore) QueuedEvents(ctx context.Context, owner string, events []string) (map[string]bool, error) {
	return asked(b, "QueuedEvents", func() (map[string]bool, error) { return b.Store.QueuedEvents(ctx, owner, events) })
}

func (b *brokenStore) MakeDue(ctx context.Context, owner, event string, now time.Time) error {
	return done(b, "MakeDue", func() error { return b.Store.MakeDue(ctx, owner, event, now) })
}

func (b *brokenStore) LogDelivery(ctx context.Context, d pingr.Delivery) error {
	return done(b, "LogDelivery", func() error { return b.Store.LogDelivery(ctx, d) })
}

func (b *brokenStore) Trigger(ctx context.Context, id string) (pingr.Trigger, error) {
	return asked(b, "Trigger", func() (pingr.Trigger, error) { return b.Store.Trigger(ctx, id) })
}

func (b *brokenStore) Triggers(ctx context.Context, session string) ([]pingr.Trigger, error) {
	return asked(b, "Triggers", func() ([]pingr.Trigger, error) { return b.Store.Triggers(ctx, session) })
}

func (b *brokenStore) CreateTrigger(ctx context.Context, t pingr.Trigger, sessions []string, limit int) error {
	return done(b, "CreateTrigger", func() error { return b.Store.CreateTrigger(ctx, t, sessions, limit) })
}

func (b *brokenStore) UpdateTrigger(
	ctx context.Context, id string, change func(*pingr.Trigger) error,
) (pingr.Trigger, error) {
	return asked(b, "UpdateTrigger", func() (pingr.Trigger, error) { return b.Store.UpdateTrigger(ctx, id, change) })
}

func (b *brokenStore) DeleteTrigger(ctx context.Context, id string) error {
	return done(b, "DeleteTrigger", func() error { return b.Store.DeleteTrigger(ctx, id) })
}

func (b *brokenStore) FindTrigger(ctx context.Context, session string, phrases []string) (pingr.Trigger, bool, error) {
	if err := b.fails("FindTrigger"); err != nil {
		return pingr.Trigger{}, false, err
	}
	return b.Store.FindTrigger(ctx, session, phrases)
}

func (b *brokenStore) LimitTaken(ctx context.Context, at time.Time, key string) (int64, error) {
	return asked(b, "LimitTaken", func() (int64, error) { return b.Store.LimitTaken(ctx, at, key) })
}

func (b *brokenStore) Stats(ctx context.Context, owner string, borders []time.Time) (hosted.Stats, error) {
	return asked(b, "Stats", func() (hosted.Stats, error) { return b.Store.Stats(ctx, owner, borders) })
}

func (b *brokenStore) Reserve(ctx context.Context, at time.Time, limits ...pingr.Limit) error {
	return done(b, "Reserve", func() error { return b.Store.Reserve(ctx, at, limits...) })
}

func (b *brokenStore) Release(ctx context.Context, limits ...pingr.Limit) error {
	return done(b, "Release", func() error { return b.Store.Release(ctx, limits...) })
}

func (b *brokenStore) Peek(ctx context.Context, at time.Time, limits ...pingr.Limit) error {
	return done(b, "Peek", func() error { return b.Store.Peek(ctx, at, limits...) })
}

// goesOn lists the calls whose failure does not stop a route, and why.
var goesOn = map[string]string{
	"UseKey":                                 "a display of the last use",
	"POST /v1/send EndReplay":                "it is sent; the key is taken up again, with the same message id",
	"POST /v1/send LimitTaken":               "it is sent; what remains is not known",
	"POST /v1/webhooks/simulate LogDelivery": "the answer tells it all",
}

// If any call to the store fails, the route reports a failure without its cause. It never reports
// success, lets anybody in or takes anything for missing.
func TestAStoreThatFailsIsNoSuccess(t *testing.T) {
	whole, broken := newBrokenWorld(t), newBrokenWorld(t)
	routes := slices.DeleteFunc(table(), func(r route) bool {
		// The former reads nothing where there is an account; the latter is a stream.
		return r.path == "/v1/auth/setup" || r.path == "/v1/events"
	})
	// Routes that delete come last, and a session's comes after its triggers'.
	slices.SortStableFunc(routes, func(a, b route) int {
		return cmp.Compare(deletes(a), deletes(b))
	})
	met := map[string]bool{}
	for _, r := range routes {
		for _, who := range map[auth][]string{
			public: {"nobody"}, byKey: {"anna's live key"}, byJWT: {"anna"}, byBoth: {"anna", "anna's live key"},
		}[r.auth] {
			if deletes(r) > 0 && who != "anna" {
				continue // once
			}
			whole.ask(r, who, "")
			for _, call := range whole.store.made() {
				if met[call] = true; goesOn[call] != "" || goesOn[r.name()+" "+call] != "" {
					continue
				}
				got := broken.ask(r, who, call)
				assert.Equal(t, internal, codeOf(t, got), "%s as %s, without %s: %s", r.name(), who, call, got.Body)
				assert.NotContains(t, got.Body.String(), "hush")
			}
		}
	}
	for _, call := range brokenCalls {
		assert.True(t, met[call], "%s is never called", call)
	}
}

func deletes(r route) int {
	if r.method != http.MethodDelete {
		return 0
	}
	return map[string]int{"sessions": 2}[strings.Split(r.path, "/")[2]] + 1
}

// A brokenWorld has a store that can fail, and one of everything that has an id.
type brokenWorld struct {
	*world
	store *brokenStore
	ids   map[string]string
}

func newBrokenWorld(t *testing.T) *brokenWorld {
	t.Helper()
	store := &brokenStore{}
	w := newWorld(t, func(c *Config) {
		store.Store, c.Store = c.Store, store
		c.Plans, c.SignUpPlan = []hosted.Plan{{Name: "growth"}}, "growth" // without limits
	})
	anna := w.furnish("anna")
	_, k := hosted.NewKey("acc_anna", "", hosted.Live, w.clock())
	require.NoError(t, w.store.CreateKey(t.Context(), k))
	return &brokenWorld{w, store, map[string]string{
		"sessions": "anna-bot", "triggers": anna.trigger, "webhooks": anna.delivery, "keys": k.ID,
	}}
}

// ask calls a route while a call fails, or no call if it is empty.
func (w *brokenWorld) ask(r route, who, call string) *httptest.ResponseRecorder {
	w.Helper()
	body := map[string]string{
		"POST /v1/sessions":                `{"name":"Shop"}`,
		"POST /v1/sessions/{id}/pair-code": `{"phone":"15550100001"}`,
		"POST /v1/auth/login":              `{"email":"anna@example.com","password":"` + password + `"}`,
		"POST /v1/auth/password":           `{"current_password":"` + password + `","new_password":"` + password + `"}`,
		"PUT /v1/webhooks":                 `{"url":"` + w.hook.URL + `"}`,
		"POST /v1/send":                    `{"to":"919876543210","message":"hi","session_id":"anna-bot"}`,
	}[r.name()]
	if op := operationOf(w.server.api.OpenAPI(), r); op.RequestBody != nil && body == "" {
		body = w.example(op.RequestBody.Content["application/json"].Schema)
	}
	w.wait(time.Minute) // the use of a key is recorded again, and limits begin again
	w.store.breaks("")
	w.logIn("anna")
	w.store.breaks(call)
	return w.call(who, r.method, strings.ReplaceAll(r.path, "{id}", w.ids[strings.Split(r.path, "/")[2]]), body,
		"Idempotency-Key", r.name()+call)
}

// example is a body as the OpenAPI document shows it, on Anna's session.
func (w *world) example(schema *huma.Schema) string {
	w.Helper()
	if schema.Ref != "" {
		schema = w.server.api.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
	}
	asked := object{}
	for name, s := range schema.Properties {
		require.NotEmpty(w, s.Examples, name)
		asked[name] = s.Examples[0]
	}
	if asked["session_id"] != nil {
		asked["session_id"] = "anna-bot"
	}
	text, err := json.Marshal(asked)
	require.NoError(w, err)
	return string(text)
}

// A failed note or log line holds nobody up.
func TestWhatGoesOnWithoutTheStore(t *testing.T) {
	broken := &brokenStore{}
	w := newWorld(t, func(c *Config) { broken.Store, c.Store = c.Store, broken })
	w.furnish("anna")
	for i, tt := range []struct{ call, who, method, path, body string }{
		{"UseKey", "anna's live key", "GET", "/v1/settings", ""},
		{"EndReplay", "anna's live key", "POST", "/v1/send", `{"to":"919876543210","message":"hi"}`},
		{"LimitTaken", "anna's live key", "POST", "/v1/send", `{"to":"919876543211","message":"hi"}`},
		{
			"LogDelivery", "anna", "POST", "/v1/webhooks/simulate",
			`{"phone":"919876543210","message":"login","session_id":"anna-bot"}`,
		},
	} {
		broken.breaks(tt.call)
		got := w.call(tt.who, tt.method, tt.path, tt.body, "Idempotency-Key", string(rune('a'+i)))
		assert.Equal(t, http.StatusOK, got.Code, "%s: %s", tt.call, got.Body)
		assert.Contains(t, broken.made(), tt.call)
	}
}

// The last use of a key is recorded once a minute, whatever the key is used for.
func TestAKeysUseIsNotedSeldom(t *testing.T) {
	store := &usesStore{}
	w := newWorld(t, func(c *Config) { store.Store, c.Store = c.Store, store })
	w.wait(useNoted) // newWorld used one
	before := store.n.Load()
	for range 20 {
		require.Equal(t, 200, w.call("anna's live key", "GET", "/v1/settings", "").Code)
	}
	assert.EqualValues(t, 1, store.n.Load()-before)
	w.wait(useNoted)
	w.call("anna's live key", "GET", "/v1/settings", "")
	assert.EqualValues(t, 2, store.n.Load()-before)
}

// A usesStore counts how often the use of a key is written.
type usesStore struct {
	Store
	n atomic.Int64
}

func (u *usesStore) UseKey(ctx context.Context, id string, at time.Time) error {
	u.n.Add(1)
	return u.Store.UseKey(ctx, id, at)
}
