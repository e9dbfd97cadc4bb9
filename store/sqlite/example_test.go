package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/store/sqlite"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "pingr")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	ctx := context.Background()
	store, err := sqlite.Open(ctx, sqlite.Config{Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()

	login := pingr.Trigger{
		ID: "trg_1", Session: pingr.DefaultSession, Phrase: "login", Reply: "One moment…", Active: true,
	}
	if err := store.SaveTrigger(ctx, login); err != nil {
		fmt.Println(err)
		return
	}
	found, ok, err := store.FindTrigger(ctx, pingr.DefaultSession, pingr.Phrases("Login X4K9MQ"))
	fmt.Println(found.ID, ok, err)
	// Output: trg_1 true <nil>
}

func ExampleStore_Backup() {
	dir, err := os.MkdirTemp("", "pingr")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	ctx := context.Background()
	store, err := sqlite.Open(ctx, sqlite.Config{Dir: filepath.Join(dir, "data"), Admin: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()

	fmt.Println(store.Backup(ctx, filepath.Join(dir, "pingr-backup.db")))
	// Output: <nil>
}
