package main

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/store/sqlite"
)

// A bareAPI answers two routes as simply as possible: it makes the server's
// calls of the store, and checks nothing.
type bareAPI struct{ store *sqlite.Store }

// ServeHTTP implements http.Handler.
func (b *bareAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body any
	k, err := b.store.KeyByHash(r.Context(), hosted.HashKey(r.Header.Get("X-API-Key")))
	if err == nil {
		_, err = b.store.Account(r.Context(), k.Account)
	}
	if err == nil {
		if r.Method == http.MethodGet {
			body, err = b.triggers(r.Context(), k.Account)
		} else {
			body, err = b.send(r, k.Account)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func (b *bareAPI) triggers(ctx context.Context, owner string) (any, error) {
	triggers, err := b.store.Triggers(ctx, "sess_test:"+owner)
	return map[string]any{"triggers": triggers, "count": len(triggers)}, err
}

func (b *bareAPI) send(r *http.Request, owner string) (any, error) {
	var in struct{ To, Message string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	ctx, now := r.Context(), time.Now()
	if _, err := b.store.Account(ctx, owner); err != nil { // for its settings
		return nil, err
	}
	quota := pingr.QuotaLimit(owner+":test", 0, now)
	err := b.store.Reserve(ctx, now, quota,
		pingr.Limit{Kind: pingr.Cooldown, Key: "bare/" + in.To, Max: 1, Until: now.Add(time.Minute)})
	if err != nil {
		return nil, err
	}
	a, err := b.store.Account(ctx, owner) // for its time zone
	if err != nil {
		return nil, err
	}
	today := pingr.Limit{Kind: pingr.Quota, Key: "bare/" + owner, Until: a.Settings.Midnight(now)}
	if err := b.store.Reserve(ctx, now, today); err != nil {
		return nil, err
	}
	used, err := b.store.LimitTaken(ctx, now, quota.Key)
	return map[string]any{"success": true, "message_id": pingr.NewID("msg_"), "to": in.To, "used": used}, err
}
