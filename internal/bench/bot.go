package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"sync"
)

// runBot runs a contestant. It links its sessions, prints their QR texts, reports that it is ready,
// and works until its standard input ends.
func runBot(args []string) error {
	flags := flag.NewFlagSet("bot", flag.ExitOnError)
	kind := flags.String("kind", "", "bare, post, pingr, serve, or server: the API alone")
	dir := flags.String("dir", "", "directory of the database")
	sessions := flags.Int("sessions", 1, "how many numbers to link; of the server: accounts to make")
	hook := flags.String("hook", "", "URL of the webhook")
	profile := flags.String("cpuprofile", "", "file")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if *profile != "" {
		file, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	var mu sync.Mutex
	say := func(l line) {
		mu.Lock()
		defer mu.Unlock()
		_ = json.NewEncoder(os.Stdout).Encode(l)
	}
	switch *kind {
	case "bare":
		return bare(ctx, *dir, *sessions, "", say)
	case "post":
		return bare(ctx, *dir, *sessions, *hook, say)
	case "server":
		return apiServer(ctx, *dir, *sessions, say)
	case "serve":
		return hostedServer(ctx, *dir, *hook, say)
	case "pingr":
		return full(ctx, *dir, *sessions, *hook, say)
	}
	return fmt.Errorf("unknown kind %q", *kind)
}
