package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// stopTime is how long requests may take to end when the server stops.
const stopTime = 10 * time.Second

// Serve answers requests at l and runs the engine until ctx ends. Then it
// accepts no more requests, finishes what is in flight, and returns nil. It
// closes l.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	web := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      90 * time.Second, // a pairing code may take 45
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // caused by clients
	}
	engine, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ran, served := make(chan error, 1), make(chan error, 1)
	go func() { ran <- s.Run(engine) }()
	var err error
	select {
	case <-s.engine.Started(): // requests wait for this, so that none is told that nothing is connected
	case err = <-ran:
		return errors.Join(err, errors.New("the engine stopped"), l.Close())
	}
	go func() { served <- web.Serve(l) }()
	select {
	case <-ctx.Done():
	case err = <-served:
		served <- err
		err = nil // reported below
	case err = <-ran:
		ran <- nil
		err = errors.Join(err, errors.New("the engine stopped"))
	}
	s.hub.close() // streams would not end by themselves
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if web.Shutdown(grace) != nil {
		_ = web.Close()
	}
	stop()
	err = errors.Join(err, closedWell(<-served))
	return errors.Join(err, <-ran)
}

// closedWell returns what is wrong with the end of an http.Server.
func closedWell(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve: %w", err)
}
