//go:build !race

package e2e

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/internal/cluster"
	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/store/postgres"
)

// The variables that make this test binary a node, beside those of the program
// that gets killed.
const (
	nodeName     = "PINGR_E2E_NODE"
	nodeDatabase = "PINGR_E2E_DATABASE"
	nodeKey      = "PINGR_E2E_KEYS_KEY"
	nodeAdds     = "PINGR_E2E_ADDS" // the session that this node links
)

// nodeLine is what a node prints.
type nodeLine struct {
	QR       string `json:"qr,omitempty"`
	Serves   string `json:"serves,omitempty"`
	Lost     string `json:"lost,omitempty"`
	Finished bool   `json:"finished,omitempty"`
}

// node is an engine that shares its sessions with other processes.
func node(name string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	out := json.NewEncoder(os.Stdout)
	var mu sync.Mutex
	say := func(l nodeLine) {
		mu.Lock()
		defer mu.Unlock()
		_ = out.Encode(l)
	}
	var pool *whatsapp.Pool
	store, err := postgres.Open(ctx, postgres.Config{
		URL: os.Getenv(nodeDatabase), Node: name,
		Sessions: func() (ids []string) {
			for _, s := range pool.List() {
				ids = append(ids, s.ID())
			}
			return ids
		},
	})
	if err != nil {
		return err
	}
	defer store.Close()
	config, err := childConfig(store)
	if err != nil {
		return err
	}
	engine, err := pingr.New(config)
	if err != nil {
		return err
	}
	ring, err := whatsapp.ParseKeyring(os.Getenv(nodeKey))
	if err != nil {
		return err
	}
	endpoint, err := childEndpoint()
	if err != nil {
		return err
	}
	var attached sync.Map
	left := func(id string) {
		if detach, ok := attached.LoadAndDelete(id); ok {
			detach.(func())()
		}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("node", name)
	pool, err = whatsapp.Open(ctx, whatsapp.Config{
		Database: os.Getenv(nodeDatabase), Node: name, Keyring: ring, Registry: store, Endpoint: endpoint, Log: log,
		OnLost: func(id string) { left(id); say(nodeLine{Lost: id}) },
	})
	if err != nil {
		return err
	}
	defer pool.Close()
	adopted := func(s *whatsapp.Session) {
		left(s.ID())
		attached.Store(s.ID(), engine.Attach(account, s.ID(), s))
		say(nodeLine{Serves: s.ID()})
	}
	member, err := cluster.Join(ctx, cluster.Config{
		Name: name, Store: store, Pool: pool, Adopted: adopted, Left: left, Log: log,
	})
	if err != nil {
		return err
	}
	running, finish := context.WithCancel(context.Background())
	defer finish()
	engineDone := make(chan error, 1)
	go func() { engineDone <- engine.Run(running) }()
	if id := os.Getenv(nodeAdds); id != "" {
		s, err := pool.Add(ctx, pingr.SessionRecord{ID: id, Account: account})
		if err != nil {
			return err
		}
		adopted(s)
		go func() {
			for snapshot := range s.Changes(ctx) {
				if snapshot.QR.Code != "" {
					say(nodeLine{QR: snapshot.QR.Code})
				}
			}
		}()
	}
	err = member.Run(ctx)
	finish()
	<-engineDone
	say(nodeLine{Finished: true})
	return err
}
