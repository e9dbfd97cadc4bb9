package memory_test

import (
	"context"
	"fmt"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/store/memory"
)

// A cooldown is a quota of one.
func ExampleStore_Reserve() {
	store := memory.New()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	cooldown := pingr.Limit{Kind: pingr.Cooldown, Key: "cooldown/919876543210", Max: 1, Until: now.Add(time.Minute)}

	fmt.Println(store.Reserve(context.Background(), now, cooldown))
	fmt.Println(store.Reserve(context.Background(), now.Add(13*time.Second), cooldown))
	// Output:
	// <nil>
	// cooldown until 2026-05-01T12:01:00Z
}
