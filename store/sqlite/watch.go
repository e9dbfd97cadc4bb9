package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

const (
	// restAtLeast is the pause between two passes when all is well. After a pass
	// that takes long, the pause is a hundred times as long.
	restAtLeast = time.Minute
	// restWhenSuspected is the least time between two passes that errors ask for.
	restWhenSuspected = time.Second
)

// A watch knows whether pingr.db is damaged. It reads the files through once
// the store is open and now and then afterwards, and learns of every operation
// that finds damage. Without it, one bad page may go unnoticed until a message
// needs that page.
type watch struct {
	dir        string
	log        *slog.Logger
	deliveries *deliveryFile

	suspected chan struct{} // wakes the goroutine
	first     chan struct{} // closed after the first pass
	stop      context.CancelFunc
	done      chan struct{}

	mu     sync.Mutex
	damage *DamageError
}

func newWatch(dir string, log *slog.Logger, deliveries *deliveryFile) *watch {
	return &watch{
		dir: dir, log: log, deliveries: deliveries,
		suspected: make(chan struct{}, 1), first: make(chan struct{}), done: make(chan struct{}),
	}
}

func (w *watch) start() {
	ctx, cancel := context.WithCancel(context.Background())
	w.stop = cancel
	go w.run(ctx)
}

func (w *watch) close() {
	w.stop()
	<-w.done
}

func (w *watch) run(ctx context.Context) {
	defer close(w.done)
	for n := 0; ; n++ {
		began := time.Now()
		w.pass(ctx)
		if n == 0 {
			close(w.first)
		}
		took := time.Since(began)
		select {
		case <-time.After(max(restWhenSuspected, 10*took)):
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(max(restAtLeast, 100*took)):
		case <-w.suspected:
		case <-ctx.Done():
			return
		}
	}
}

// pass reads the files through. It does not compare the indexes of the delivery
// log with its table: the log is large, and nothing important depends on it.
func (w *watch) pass(ctx context.Context) {
	err := CheckFile(ctx, filepath.Join(w.dir, mainFile))
	var damage *DamageError
	switch {
	case ctx.Err() != nil:
		return
	case err == nil || errors.As(err, &damage):
		w.found(damage)
	default:
		w.log.Warn("could not check the database", "file", mainFile, "error", err)
	}
	w.deliveries.check(ctx)
}

// found takes what a pass found, or nil.
func (w *watch) found(damage *DamageError) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.damage
	w.damage = damage
	switch {
	case damage == nil && before != nil:
		w.log.Warn("database is not damaged after all", "file", before.File)
	case damage != nil && (before == nil || !slices.Equal(before.Found, damage.Found)):
		w.log.Error("database is damaged",
			"file", damage.File, "found", damage.Found, "error", damage.Err, "do", damage.Advice())
	}
}

// suspect takes the damage that an operation found. It is believed until a pass
// has looked.
func (w *watch) suspect(damage *DamageError) {
	w.mu.Lock()
	if w.damage == nil {
		w.damage = damage
		w.log.Error("database is damaged", "file", damage.File, "error", damage.Err, "do", damage.Advice())
	}
	w.mu.Unlock()
	select {
	case w.suspected <- struct{}{}:
	default:
	}
}

// err waits for the first pass, and returns the damage, if there is any.
func (w *watch) err(ctx context.Context) error {
	select {
	case <-w.first:
	case <-ctx.Done():
		return fmt.Errorf("%s is still being read for the first time: %w", mainFile, ctx.Err())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.damage != nil {
		return w.damage
	}
	return nil
}
