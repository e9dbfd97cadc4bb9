package server

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/sqlite"
)

const pageSize = 4096

// Whichever page of the database is damaged, and however: the server does not start and says why, or
// it is not ready and says why, or it answers. It is never ready while people wait in vain.
func TestEveryDamagedPage(t *testing.T) {
	whole := fullDatabase(t)
	pages := len(whole) / pageSize
	t.Logf("%d pages", pages)
	refused, notReady, answered := 0, 0, 0
	for _, of := range []struct {
		name   string
		damage func(page []byte)
		every  int // so many pages
	}{
		{"zeroed", func(page []byte) { clear(page) }, 1},
		{"noise", noise, 3},
		// The rest of the page looks like a page of that kind.
		{"noise behind its first eighth", func(page []byte) { noise(page[pageSize/8:]) }, 3},
		{"another page in its place", func(page []byte) { copy(page, whole[(pages/2)*pageSize:][:pageSize]) }, 3},
	} {
		for page := 0; page < pages; page += of.every {
			damaged := append([]byte(nil), whole...)
			of.damage(damaged[page*pageSize:][:pageSize])
			if string(damaged) == string(whole) {
				continue
			}
			said := start(t, damaged)
			what := fmt.Sprintf("page %d, %s: %s", page+1, of.name, said.text)
			switch said.what {
			case "refused":
				refused++
			case "not ready":
				notReady++
			default:
				answered++
				assert.Equal(t, "answered", said.what, what)
				continue
			}
			assert.Contains(t, said.text, "pingr.db is damaged", what)
			assert.Contains(t, said.text, "pingr repair", "%s: it says what to do", what)
		}
	}
	t.Logf("%d did not start, %d were not ready, %d answered", refused, notReady, answered)
	assert.Positive(t, refused)
	assert.Positive(t, notReady)
	assert.Equal(t, "answered", start(t, whole).what, "and it is ready when all is well")
}

func noise(b []byte) {
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(b) // it never fails
}

type outcome struct{ what, text string }

// start starts a server on a copy of the database. If it is ready, somebody writes to each of its
// numbers.
func start(t *testing.T, database []byte) outcome {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pingr.db"), database, 0o600))
	store, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir})
	if err != nil {
		return outcome{"refused", err.Error()}
	}
	defer store.Close()
	sessions := &simSessions{}
	for i := range shops {
		sessions.add(shopSession(i))
	}
	s, err := New(t.Context(), Config{
		Store: store, Sessions: func(n Notify) (Sessions, error) { sessions.notify = n; return sessions, nil },
	})
	if err != nil {
		return outcome{"refused", err.Error()}
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	defer func() {
		stop()
		assert.NoError(t, <-done)
	}()
	<-s.engine.Started()
	if c := readyCheck(t, s, "database"); c.Status != "ok" {
		return outcome{"not ready", c.Found + "; " + c.Do}
	}
	phones := make([]*sim.Phone, shops)
	for i := range shops {
		phones[i] = sessions.find(shopSession(i).ID).NewPhone(sim.PhoneConfig{Number: fmt.Sprintf("9198765432%02d", i)})
		phones[i].Send(fmt.Sprintf("login %d", i))
	}
	for i, phone := range phones {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		got, err := phone.Next(ctx)
		cancel()
		if err != nil || got.Text != "Hello." {
			return outcome{"no answer", fmt.Sprint(shopSession(i).ID, " ", got.Text, err)}
		}
	}
	return outcome{"answered", ""}
}

func readyCheck(t *testing.T, s *Server, name string) check {
	t.Helper()
	require.Eventually(t, s.running.Load, 5*time.Second, time.Millisecond)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/readyz", nil)
	r.RemoteAddr = "127.0.0.1:4711"
	got := httptest.NewRecorder()
	s.ServeHTTP(got, r)
	var answer struct{ Checks map[string]check }
	require.NoError(t, json.Unmarshal(got.Body.Bytes(), &answer))
	return answer.Checks[name]
}

const shops = 8

func shopSession(i int) pingr.SessionRecord {
	return pingr.SessionRecord{
		ID: fmt.Sprintf("shop%d:acc_%02d", i, i*5), Account: fmt.Sprintf("acc_%02d", i*5), Name: "Shop", Phone: "15550100",
		State: pingr.SessionConnected,
	}
}

// fullDatabase is a small pingr.db with rows in every table, most of them on
// several pages, and free pages.
func fullDatabase(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	s, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir})
	require.NoError(t, err)
	ctx, now := t.Context(), time.Now().Add(-time.Hour)
	ok := func(err error) { t.Helper(); require.NoError(t, err) }
	for i := range 40 {
		id := fmt.Sprintf("acc_%02d", i)
		ok(s.CreateAccount(ctx, hosted.Account{
			ID: id, Email: id + "@example.com", PasswordHash: strings.Repeat("h", 100), Plan: hosted.Unlimited,
			Settings: hosted.DefaultSettings(), CreatedAt: now,
		}))
		_, k := hosted.NewKey(id, "backend", hosted.Live, now)
		ok(s.CreateKey(ctx, k))
		_, err := s.LoadOrStoreValue(ctx, id, randomKey)
		ok(err)
		_, _, err = s.BeginReplay(ctx, hosted.Replay{Scope: id, Key: "k", At: now, Body: make([]byte, 200)})
		ok(err)
	}
	for i := range shops {
		r := shopSession(i)
		ok(s.SaveSession(ctx, r))
		for j := range 12 {
			ok(s.SaveTrigger(ctx, pingr.Trigger{
				ID: fmt.Sprint("trg_", i, "_", j), Session: r.ID, Phrase: fmt.Sprint("login ", (i+j)%12), Reply: "Hello.",
				Active: j < 9,
			}))
		}
	}
	for i := range 60 {
		fullFiring(t, s, i, now)
	}
	for i := range 20 { // this leaves free pages behind
		ok(s.Enqueue(ctx, pingr.PendingEvent{Account: "acc_00", Next: now, Event: pingr.Event{
			ID: fmt.Sprint("evt_big_", i), Kind: strings.Repeat("x", 2000),
		}}))
	}
	for i := range 20 {
		ok(s.Delivered(ctx, fmt.Sprint("evt_big_", i)))
	}
	ok(s.Close())
	content, err := os.ReadFile(filepath.Join(dir, "pingr.db"))
	require.NoError(t, err)
	return content
}

func fullFiring(t *testing.T, s *sqlite.Store, i int, now time.Time) {
	t.Helper()
	shop := shopSession(i % shops)
	id, phone := fmt.Sprintf("evt_%05d", i), fmt.Sprintf("4917000%04d", i)
	f := pingr.Firing{
		ID: id, Account: shop.Account, Session: shop.ID, State: pingr.StateAccepted,
		AcceptedAt: now.Add(time.Duration(i) * time.Minute),
		Message: pingr.Message{
			ID: id, Chat: phone + "@s.whatsapp.net", Sender: phone + "@s.whatsapp.net", Phone: phone, LID: id + "@lid",
			Text: "login", Time: now, Arrived: now,
		},
		Trigger: pingr.Trigger{ID: "trg_1", Session: shop.ID, Phrase: "login", Reply: "Hello.", Active: true},
	}
	_, _, err := s.Accept(t.Context(), f, pingr.Lease{Holder: "run_old", Until: now})
	require.NoError(t, err)
	if i%10 == 0 {
		return // it is taken up
	}
	at := f.AcceptedAt
	d := pingr.Decision{
		Firing: id, Holder: "run_old", At: at, Text: "Hello.", Source: pingr.Static,
		Limits: []pingr.Limit{{
			Kind: pingr.Cooldown, Key: "cooldown/" + shop.Account + "/" + phone, Max: 1, Until: at.Add(time.Minute),
		}},
	}
	if i%2 == 0 {
		d.Retry = &pingr.PendingEvent{
			Event: pingr.Event{ID: id, Session: shop.ID}, Account: shop.Account, Attempt: 2, Next: now.Add(24 * time.Hour),
		}
	}
	_, _, err = s.Decide(t.Context(), d)
	require.NoError(t, err)
	require.NoError(t, s.Finish(t.Context(), pingr.Outcome{Firing: id, At: at, Kind: pingr.Replied}))
}
