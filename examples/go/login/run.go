package login

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// Main runs an example until it is interrupted. pages holds page.html and
// page.js; setup adds the flow.
func Main(pages fs.FS, setup func(*Site)) {
	o, err := ParseOptions(os.Args[1:], os.Getenv, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = run(ctx, o, pages, setup)
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, o Options, pages fs.FS, setup func(*Site)) error {
	var state State = &Memory{}
	if o.Redis != "" {
		redis, err := NewRedis(ctx, o.Redis)
		if err != nil {
			return err
		}
		defer redis.Close()
		state = redis
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return err
	}
	address := "http://" + listener.Addr().String()
	if o.Origin == "" {
		o.Origin = address
	}
	site := NewSite(o, state, pages)
	site.Log = func(err error) { log.Print(err) }
	setup(site)
	server := &http.Server{
		Handler: site, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Println("listening on", address)
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}
