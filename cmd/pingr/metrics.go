package main

import (
	"context"
	"log/slog"
	"net/http"
	"time"
)

// serveMetrics answers GET /metrics and GET /readyz at an address of their own
// until stop is called.
func serveMetrics(ctx context.Context, listen string, metrics, ready http.Handler) (
	address string, stop func(), err error,
) {
	l, err := listenAt(ctx, listen, "--metrics-listen")
	if err != nil {
		return "", nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.Handle("GET /readyz", ready)
	web := &http.Server{
		Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(l) // it ends only by stop
	}()
	return l.Addr().String(), func() {
		_ = web.Close()
		<-served
	}, nil
}
