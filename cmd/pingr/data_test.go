package main

import (
	"encoding/json"
	"fmt"
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
	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/store/sqlite"
)

// openData creates a data directory with a trigger and sessions. This process holds it as an engine
// would.
func openData(t *testing.T, sessions ...pingr.SessionRecord) (dir string, engine *sqlite.Store) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	store, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	require.NoError(t, store.SaveTrigger(t.Context(), pingr.Trigger{
		ID: "trg_1", Session: "shop", Phrase: "login", Reply: "hello", Active: true,
	}))
	for _, s := range sessions {
		require.NoError(t, store.SaveSession(t.Context(), s))
	}
	return dir, store
}

func TestBackupBesideARunningEngine(t *testing.T) {
	dir, _ := openData(t)
	file := filepath.Join(t.TempDir(), "copy.db")
	r := pingrRun(t, "backup", "--data", dir, file)
	require.Equal(t, exitDone, r.code, r.err)
	assert.Equal(t, file+"\n", r.out)

	restored := t.TempDir()
	require.NoError(t, os.Rename(file, filepath.Join(restored, "pingr.db")))
	store, err := sqlite.Open(t.Context(), sqlite.Config{Dir: restored})
	require.NoError(t, err)
	defer store.Close()
	triggers, err := store.Triggers(t.Context(), "shop")
	require.NoError(t, err)
	require.Len(t, triggers, 1)
	assert.Equal(t, "login", triggers[0].Phrase)
}

func TestBackupThatCannotBe(t *testing.T) {
	dir, _ := openData(t)
	existing := filepath.Join(t.TempDir(), "precious.db")
	require.NoError(t, os.WriteFile(existing, []byte("precious"), 0o600))

	r := pingrRun(t, "backup", "--data", dir, existing)
	assert.Equal(t, exitFailed, r.code)
	text, err := os.ReadFile(existing)
	require.NoError(t, err)
	assert.Equal(t, "precious", string(text), "nothing is overwritten")

	nowhere := filepath.Join(t.TempDir(), "nowhere")
	r = pingrRun(t, "backup", "--data", nowhere, filepath.Join(t.TempDir(), "copy.db"))
	assert.Equal(t, exitFailed, r.code)
	assert.Contains(t, r.err, "pingr link")
	assert.NoDirExists(t, nowhere, "a slip in --data makes no directory")
}

// checks runs doctor and returns its findings by check.
func checks(t *testing.T, c call) (result, map[string]finding) {
	t.Helper()
	c.args = append([]string{"doctor", "--json"}, c.args...)
	r := c.run(t)
	var all struct{ Checks []finding }
	require.NoError(t, json.Unmarshal([]byte(r.out), &all), r.err)
	found := map[string]finding{}
	for _, f := range all.Checks {
		found[f.Check] = f
		if f.Status == "fail" {
			assert.NotEmpty(t, f.Do, "%s says what to do", f.Check)
		}
	}
	return r, found
}

func TestDoctorOfAHealthyPlace(t *testing.T) {
	dir, _ := openData(t, pingr.SessionRecord{
		ID: "shop", State: pingr.SessionConnected, Phone: "919876543210", ConnectedAt: time.Now(),
	})
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodHead, r.Method, "no event is sent")
		w.WriteHeader(http.StatusMethodNotAllowed)
	}))
	defer hook.Close()
	r, found := checks(t, call{args: []string{"--data", dir}, env: []string{
		"PINGR_WEBHOOK_URL=" + hook.URL + "/hook?key=hidden", "PINGR_WEBHOOK_SECRET=whsec_hidden",
		"PINGR_WEBHOOK_ALLOW=127.0.0.0/8",
	}})
	assert.Equal(t, exitDone, r.code)
	for _, check := range []string{"configuration", "data directory", "database", "clock", "session shop", "webhook"} {
		assert.Equal(t, "ok", found[check].Status, "%s: %+v", check, found[check])
	}
	assert.Contains(t, found["database"].Found, "an engine is running")
	assert.NotContains(t, r.out+r.err, "hidden")
	assert.NotContains(t, r.out+r.err, "919876543210")
}

func TestDoctorFinds(t *testing.T) {
	hour := time.Now().Add(time.Hour)
	redirect := httptest.NewServer(http.RedirectHandler("/elsewhere", http.StatusFound))
	defer redirect.Close()
	tests := []struct {
		name    string
		session pingr.SessionRecord
		env     []string
		check   string
		status  string
		says    string
		code    int
	}{
		{
			"a clock that went back",
			pingr.SessionRecord{ID: "shop", CreatedAt: hour, State: pingr.SessionConnected},
			nil,
			"clock", "fail", "before", exitFailed,
		},
		{
			"a phone that unlinked us",
			pingr.SessionRecord{ID: "shop", State: pingr.SessionLoggedOut, Detail: "The phone unlinked this device."},
			nil,
			"session shop", "fail", "unlinked", exitFailed,
		},
		{
			"a number that was never linked",
			pingr.SessionRecord{ID: "shop", State: pingr.SessionLinkExpired},
			nil,
			"session shop", "warn", "not linked", exitDone,
		},
		{
			"a webhook that is this machine, of a public server",
			pingr.SessionRecord{},
			[]string{"PINGR_WEBHOOK_URL=https://127.0.0.1/hook", "PINGR_PUBLIC_URL=https://pingr.example.com"},
			"webhook", "fail", "PINGR_WEBHOOK_ALLOW", exitFailed,
		},
		{
			"a webhook that leads elsewhere",
			pingr.SessionRecord{},
			[]string{"PINGR_WEBHOOK_URL=" + redirect.URL, "PINGR_WEBHOOK_ALLOW=127.0.0.0/8"},
			"webhook", "fail", "redirect",
			exitFailed,
		},
		{
			"a webhook that is down",
			pingr.SessionRecord{},
			[]string{"PINGR_WEBHOOK_URL=http://127.0.0.1:1/?key=hidden", "PINGR_WEBHOOK_ALLOW=127.0.0.0/8"},
			"webhook",
			"fail", "refused", exitFailed,
		},
		{
			"a webhook without a secret",
			pingr.SessionRecord{},
			[]string{"PINGR_WEBHOOK_URL=https://example.invalid/"},
			"configuration", "warn", "no secret", exitFailed,
		},
		{
			"a loopback WhatsApp",
			pingr.SessionRecord{},
			[]string{"PINGR_WHATSAPP_URL=wss://127.0.0.1:1/"},
			"configuration",
			"warn", "loopback", exitDone,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var sessions []pingr.SessionRecord
			if tt.session.ID != "" {
				sessions = append(sessions, tt.session)
			}
			dir, _ := openData(t, sessions...)
			r, found := checks(t, call{args: []string{"--data", dir}, env: tt.env})
			assert.Equal(t, tt.code, r.code)
			assert.Equal(t, tt.status, found[tt.check].Status, "%+v", found[tt.check])
			assert.Contains(t, found[tt.check].Found, tt.says)
			assert.NotContains(t, r.out+r.err, "hidden")
		})
	}
}

// What the running server accepts, doctor accepts: a private one, an endpoint on this machine.
// It asks the endpoints that accounts have set, and names them and sessions as people do.
func TestDoctorAsksTheEndpointsInUse(t *testing.T) {
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer hook.Close()
	dir, store := openData(t, pingr.SessionRecord{
		ID: "shop:acc_1", Account: "acc_1", State: pingr.SessionRestricted, Device: "1:1@s.whatsapp.net", Reason: 402,
	})
	account := func(id, url string) hosted.Account {
		return hosted.Account{ID: id, Email: id + "@example.com", Plan: "growth", Webhook: hosted.Webhook{URL: url}}
	}
	require.NoError(t, store.CreateAccount(t.Context(), account("acc_1", hook.URL)))
	_, found := checks(t, call{args: []string{"--data", dir}})
	assert.Equal(t, "ok", found["webhook in use"].Status, found)
	assert.Equal(t, "pingr session reconnect shop", found["session shop"].Do, found)

	for i := range mostEndpoints + 1 {
		require.NoError(t, store.CreateAccount(t.Context(), account(fmt.Sprint("acc_more", i), hook.URL)))
	}
	r, found := checks(t, call{args: []string{"--data", dir}})
	assert.Equal(t, "ok", found["webhook of acc_1@example.com"].Status, found)
	assert.Contains(t, found, "session shop of acc_1@example.com")
	assert.Contains(t, found["webhooks"].Found, "2 more")
	assert.NotContains(t, r.out, "shop:acc", "no internal id")

	_, found = checks(t, call{args: []string{"--data", dir}, env: []string{"PINGR_LISTEN=0.0.0.0:8080"}})
	assert.Equal(t, "warn", found["webhook of acc_1@example.com"].Status, "a public server may have refused it")
}

// What doctor says to do is a command that takes the session by that name.
func TestDoctorNamesTheCommandThatLinks(t *testing.T) {
	for id, do := range map[string]string{
		"shop":          "pingr link --session shop",
		"shop:acc_anna": "pingr session link shop", // an account's own, of a server
	} {
		assert.Equal(t, do, checkSession(pingr.SessionRecord{ID: id, State: pingr.SessionLinkExpired}, nil, false, "").Do)
	}
	assert.Contains(t, checkSessions(nil, nil, false, nil)[0].Do, "pingr link")
	assert.Contains(t, checkSessions(nil, nil, true, nil)[0].Do, "pingr session link",
		"pingr link wants the directory for itself")
}

func TestDoctorOfNothing(t *testing.T) {
	dir := t.TempDir()
	r := call{args: []string{"doctor"}, dir: dir}.run(t)
	assert.Equal(t, exitFailed, r.code)
	assert.Contains(t, r.out, "does not exist")
	assert.Contains(t, r.out, "→ Give the right one with --data")
	assert.NoDirExists(t, filepath.Join(dir, "pingr-data"))
}

func TestDoctorOfADamagedDatabase(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "pingr.db"), []byte(strings.Repeat("not a database ", 1000)),
		0o600))
	r, found := checks(t, call{args: []string{"--data", dir}})
	assert.Equal(t, exitFailed, r.code)
	assert.Equal(t, "fail", found["database"].Status)
}

// fill makes pingr.db larger than what an engine reads when it starts.
func fill(t *testing.T, dir string) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	for i := range 300 {
		phrase := fmt.Sprint("login ", i)
		require.NoError(t, store.SaveTrigger(t.Context(), pingr.Trigger{
			ID: "trg_" + phrase, Session: "shop", Phrase: phrase, Reply: "hello", Active: true,
		}))
		require.NoError(t, store.LogDelivery(t.Context(), pingr.Delivery{
			ID: fmt.Sprint("dlv_", i), Account: "acc", URL: "https://example.com/", At: time.Now(),
		}))
		_, _, err := store.Accept(t.Context(), pingr.Firing{
			ID: phrase, Message: pingr.Message{ID: phrase, Chat: "1", Sender: "1"}, AcceptedAt: time.Now(),
		}, pingr.Lease{})
		require.NoError(t, err)
	}
}

// ruin zeroes a page in the last quarter of a file.
func ruin(t *testing.T, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	at := len(content) / 4096 * 3 / 4 * 4096
	clear(content[at : at+4096])
	require.NoError(t, os.WriteFile(file, content, 0o600))
}

// One damaged page of any file is found, whether or not an engine has the file open. Commands that use
// the file report the damage.
func TestDoctorReadsEveryFile(t *testing.T) {
	for _, name := range []string{"pingr.db", "deliveries.db", "whatsapp.db"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			fill(t, dir)
			pool, err := whatsapp.Open(t.Context(), whatsapp.Config{Dir: dir})
			require.NoError(t, err)
			require.NoError(t, pool.Close())
			_, found := checks(t, call{args: []string{"--data", dir}})
			require.Equal(t, "ok", found[name].Status, "%+v", found[name])
			ruin(t, filepath.Join(dir, name))

			r, found := checks(t, call{args: []string{"--data", dir}})
			assert.Equal(t, exitFailed, r.code)
			assert.Equal(t, "fail", found[name].Status)
			assert.Regexp(t, `damaged: .*page \d+`, found[name].Found)
			store, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir})
			require.NoError(t, err)
			switch name {
			case "pingr.db":
				require.Error(t, store.Check(t.Context(), time.Now()))
			case "deliveries.db":
				require.Eventually(t, func() bool {
					found, err := filepath.Glob(filepath.Join(dir, "*.damaged-*"))
					return err == nil && len(found) > 0
				}, 20*time.Second, 20*time.Millisecond, "it is set aside")
			}
			r, found = checks(t, call{args: []string{"--data", dir}})
			if name == "deliveries.db" {
				assert.Equal(t, "ok", found[name].Status)
				assert.Equal(t, "warn", found["set aside"].Status)
				assert.Contains(t, found["set aside"].Found, "deliveries.db.damaged-")
			} else {
				assert.Equal(t, exitFailed, r.code, "also while an engine runs")
				assert.Equal(t, "fail", found[name].Status)
			}
			require.NoError(t, store.Close())
		})
	}
}

func TestRepairSavesWhatCanBeRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	fill(t, dir)
	r := pingrRun(t, "repair", "--data", dir)
	require.Equal(t, exitDone, r.code, r.err)
	assert.Contains(t, r.out, "nothing to repair")

	ruin(t, filepath.Join(dir, "pingr.db"))
	r = pingrRun(t, "backup", "--data", dir, filepath.Join(t.TempDir(), "copy.db"))
	if r.code != exitDone { // the damage may be in an index: its table can be copied
		assert.Contains(t, r.err, "pingr repair")
	}
	engine, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir})
	require.NoError(t, err)
	r = pingrRun(t, "repair", "--data", dir)
	assert.Equal(t, exitFailed, r.code)
	assert.Contains(t, r.err, "stop it")
	require.NoError(t, engine.Close())

	r = pingrRun(t, "repair", "--data", dir)
	require.Equal(t, exitDone, r.code, r.err)
	assert.Regexp(t, `^message_keys: \d+ rows saved`, r.out)
	assert.Contains(t, r.out, "triggers: ")
	assert.Contains(t, r.err, "pingr.db.damaged-")
	_, found := checks(t, call{args: []string{"--data", dir}})
	assert.Equal(t, "ok", found["pingr.db"].Status)
	r = pingrRun(t, "repair", "--data", dir, "--json")
	assert.JSONEq(t, `{"damaged":false,"found":[],"aside":"","tables":[],"keys_made_again":0}`, r.out)
}
