package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A program is one example, and how to start it.
type program struct {
	language, flow string
	command        []string
}

// flows are the examples of each language.
var flows = []string{mobile, preentry, desktop}

const (
	mobile   = "mobile"
	preentry = "preentry"
	desktop  = "desktop"
)

// findPrograms prepares the examples of a language. root is the repository's directory, and scratch is
// for what is built.
func findPrograms(ctx context.Context, root, scratch, language string) ([]program, error) {
	var found []program
	for _, flow := range flows {
		p := program{language: language, flow: flow}
		switch language {
		case "go":
			p.command = []string{filepath.Join(scratch, flow)}
			build := exec.CommandContext(ctx, "go", "build", "-o", p.command[0], "./examples/go/"+flow) //nolint:gosec // our own
			build.Dir = root
			if out, err := build.CombinedOutput(); err != nil {
				return nil, fmt.Errorf("build examples/go/%s: %w\n%s", flow, err, out)
			}
		case "node":
			p.command = []string{"node", filepath.Join(root, "examples", "node", flow+".mjs")}
		case "python":
			p.command = []string{
				filepath.Join(root, "sdk", "python", ".venv", "bin", "python"),
				filepath.Join(root, "examples", "python", flow+".py"),
			}
		default:
			return nil, fmt.Errorf("language %q is not go, node or python", language)
		}
		for _, needed := range p.command {
			if _, err := exec.LookPath(needed); err == nil {
				continue
			}
			if _, err := os.Stat(needed); err != nil {
				return nil, fmt.Errorf("%s is missing: make sdk-node and make sdk-python install what the examples need", needed)
			}
		}
		found = append(found, p)
	}
	return found, nil
}

// A child is a running program.
type child struct {
	*exec.Cmd
	said bytes.Buffer
}

// run starts a command. If announce is set, run waits until the command says where it listens.
func run(ctx context.Context, env []string, announce string, command ...string) (
	c *child, announced string, err error,
) {
	c = &child{Cmd: exec.CommandContext(ctx, command[0], command[1:]...)} //nolint:gosec // our own
	c.Env = append(os.Environ(), env...)
	c.Stderr = &c.said
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	c.WaitDelay = 5 * time.Second
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	if err := c.Start(); err != nil {
		return nil, "", err
	}
	if announce == "" {
		return c, "", nil
	}
	line := make(chan string, 1)
	go func() {
		read := bufio.NewReader(out)
		first, _ := read.ReadString('\n')
		line <- first
		_, _ = io.Copy(io.Discard, read)
	}()
	select {
	case first := <-line:
		if rest, ok := strings.CutPrefix(strings.TrimSpace(first), announce); ok {
			return c, rest, nil
		}
		err = fmt.Errorf("it said %q, not %q", first, announce)
	case <-time.After(30 * time.Second):
		err = errors.New("it did not say where it listens within 30 s")
	}
	c.stop()
	return nil, "", &exitError{err, c.ProcessState.ExitCode(), c.said.String()}
}

// An exitError means that a program did not begin to listen.
type exitError struct {
	error
	code int
	said string
}

func (e *exitError) Error() string { return e.error.Error() + "\n" + e.said }

// stop ends the child. An exit because of that is not an error.
func (c *child) stop() {
	_ = c.Process.Signal(syscall.SIGTERM)
	_ = c.Wait()
}

// startRedis runs a server on a free port.
func startRedis(ctx context.Context) (c *child, url string, err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	address := l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(address)
	c, _, err = run(ctx, nil, "", "redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly",
		"no", "--loglevel", "warning")
	if err != nil {
		return nil, "", err
	}
	if err := listens(ctx, address); err != nil {
		c.stop()
		return nil, "", fmt.Errorf("redis-server: %w", err)
	}
	return c, "redis://" + address + "/0", nil
}

// listens waits until somebody listens at an address.
func listens(ctx context.Context, address string) error {
	for range 500 {
		if conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address); err == nil {
			return conn.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("it does not listen")
}
