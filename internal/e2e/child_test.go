//go:build !race

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/store/sqlite"
)

// The variables that make this test binary the program that gets killed.
const (
	childDir     = "PINGR_E2E_DIR"
	childHook    = "PINGR_E2E_HOOK"
	childTimeout = "PINGR_E2E_TIMEOUT" // of the webhook; 0 is the usual one
)

func TestMain(m *testing.M) {
	if name := os.Getenv(nodeName); name != "" {
		if err := node(name); err != nil {
			fmt.Fprintln(os.Stderr, "node:", err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(childDir); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// childLine is one line of the child's standard output.
type childLine struct {
	QR     string       `json:"qr,omitempty"`
	Weight *childWeight `json:"weight,omitempty"`
}

type childWeight struct {
	Goroutines, Files int
	Heap, RSS         float64 // bytes
}

// child is a program as users write it: the engine on SQLite and whatsmeow.
// Only the pauses before retries are shorter.
func child(dir string) error {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, sqlite.Config{Dir: dir})
	if err != nil {
		return err
	}
	config, err := childConfig(store)
	if err != nil {
		return err
	}
	engine, err := pingr.New(config)
	if err != nil {
		return err
	}
	endpoint, err := childEndpoint()
	if err != nil {
		return err
	}
	pool, err := whatsapp.Open(ctx, whatsapp.Config{Dir: dir, Registry: store, Endpoint: endpoint})
	if err != nil {
		return err
	}
	linked, ok := pool.Get(session)
	if !ok {
		if linked, err = pool.Add(ctx, pingr.SessionRecord{ID: session, Account: account}); err != nil {
			return err
		}
	}
	engine.Attach(account, session, linked)
	go func() {
		for snapshot := range linked.Changes(ctx) {
			if snapshot.QR.Code != "" {
				_ = json.NewEncoder(os.Stdout).Encode(childLine{QR: snapshot.QR.Code})
			}
		}
	}()
	go weighOnSignal(config.Dispatcher.(*pingr.HTTPDispatcher).Transport)
	return engine.Run(ctx)
}

// A childStore is what the program needs of a store.
type childStore interface {
	pingr.Store
	SaveTrigger(ctx context.Context, t pingr.Trigger) error
}

// childConfig is the engine's, with its trigger.
func childConfig(store childStore) (pingr.Config, error) {
	err := store.SaveTrigger(context.Background(), pingr.Trigger{
		ID: "trg_1", Session: session, Phrase: "login", Reply: "static for {{phone}}", Active: true,
	})
	if err != nil {
		return pingr.Config{}, err
	}
	timeout, err := time.ParseDuration(os.Getenv(childTimeout))
	if err != nil {
		return pingr.Config{}, err
	}
	return pingr.Config{
		Store: store, Settings: pingr.Settings{Cooldown: -1}, DispatchTimeout: timeout,
		RetrySchedule: []time.Duration{
			time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second, 3 * time.Second, 3 * time.Second,
		},
		Dispatcher: &pingr.HTTPDispatcher{
			URL: os.Getenv(childHook), Secret: secret, Transport: pingr.NewTransport(nil), Timeout: timeout,
		},
	}, nil
}

// childEndpoint is the loopback WhatsApp.
func childEndpoint() (whatsapp.Endpoint, error) {
	ca, err := os.ReadFile(os.Getenv("PINGR_WHATSAPP_CA"))
	return whatsapp.Endpoint{
		URL: os.Getenv("PINGR_WHATSAPP_URL"), CA: ca, CertKey: os.Getenv("PINGR_WHATSAPP_CERT_KEY"),
	}, err
}

// weighOnSignal prints what the process holds, when nothing is under way.
func weighOnSignal(transport *http.Transport) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGUSR1)
	for range asked {
		transport.CloseIdleConnections() // kept for a minute, as many as were used at once
		time.Sleep(2 * time.Second)      // the last timers run out
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w := childWeight{Goroutines: runtime.NumGoroutine(), Heap: float64(m.HeapAlloc)}
		if files, err := os.ReadDir("/proc/self/fd"); err == nil {
			w.Files = len(files)
		}
		var size, resident int
		if text, err := os.ReadFile("/proc/self/statm"); err == nil {
			_, _ = fmt.Sscan(string(text), &size, &resident)
		}
		w.RSS = float64(resident * os.Getpagesize())
		_ = json.NewEncoder(os.Stdout).Encode(childLine{Weight: &w})
	}
}
