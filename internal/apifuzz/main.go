// Command apifuzz runs schemathesis against pingr serve: every route, with good
// and bad input made from /openapi.json, with a key and with a login. It exits
// with 0 when nothing was found. make api-fuzz runs it.
package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	var f fuzz
	flag.StringVar(&f.tool, "schemathesis", "schemathesis", "the schemathesis to run")
	flag.StringVar(&f.pingr, "pingr", "pingr", "the pingr to run it against")
	flag.IntVar(&f.examples, "examples", 15, "test cases for each operation and phase, at most")
	flag.IntVar(&f.seed, "seed", 20261123, "what the test cases are made from")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := f.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "apifuzz:", err)
		os.Exit(1)
	}
}

//go:embed schemathesis.toml
var config []byte

type fuzz struct {
	tool, pingr    string
	examples, seed int

	dir, url, config string
	log              bytes.Buffer // of the server
}

const (
	email    = "anna@example.com"
	password = "correct horse battery"
)

func (f *fuzz) run(ctx context.Context) (err error) {
	if f.dir, err = os.MkdirTemp("", "apifuzz-"); err != nil {
		return err
	}
	defer os.RemoveAll(f.dir)
	f.config = filepath.Join(f.dir, "schemathesis.toml")
	if err := os.WriteFile(f.config, config, 0o600); err != nil {
		return err
	}
	stop, err := f.serve(ctx)
	if err != nil {
		return err
	}
	key, token, err := f.account(ctx)
	if err != nil {
		return errors.Join(err, stop())
	}
	// Simulations must go nowhere but here.
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"reply":"Hello"}`)
	}))
	defer endpoint.Close()
	err = errors.Join(
		// Event streams do not end. A logout and a changed password would end the login that tests, and a
		// simulation goes to the endpoint, which is any that was made up before.
		f.schemathesis(ctx, "X-API-Key: "+key, "--exclude-path", "/v1/events", "--exclude-path", "/v1/webhooks/simulate"),
		f.schemathesis(ctx, "Authorization: Bearer "+token, "--exclude-path", "/v1/events",
			"--exclude-path", "/v1/webhooks/simulate", "--exclude-path", "/v1/auth/logout",
			"--exclude-path", "/v1/auth/password", "--exclude-path", "/v1/send"),
		f.call(ctx, http.MethodPut, "/v1/webhooks", token, `{"url":"`+endpoint.URL+`"}`, nil),
		f.schemathesis(ctx, "Authorization: Bearer "+token, "--include-path", "/v1/webhooks/simulate"),
		f.schemathesis(ctx, "Authorization: Bearer "+token, "--include-path", "/v1/auth/password"),
		f.schemathesis(ctx, "Authorization: Bearer "+token, "--include-path", "/v1/auth/logout"),
		stop(),
	)
	if bad := "level=ERROR"; strings.Contains(f.log.String(), bad) {
		err = errors.Join(err, fmt.Errorf("the server logged an error:\n%s", f.log.String()))
	}
	return err
}

// serve starts the server and waits until it listens.
func (f *fuzz) serve(ctx context.Context) (stop func() error, err error) {
	args := []string{"serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(f.dir, "data")}
	c := exec.CommandContext(ctx, f.pingr, args...) //nolint:gosec // our own program
	// Nothing listens there: sessions that are added link to nothing.
	c.Env = append(os.Environ(), "PINGR_WHATSAPP_URL=wss://127.0.0.1:1/ws",
		"PINGR_WHATSAPP_CERT_KEY="+strings.Repeat("0", 64), "PINGR_LOG=error")
	c.Stderr = &f.log
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start pingr: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("pingr did not start: %s", f.log.String()), c.Wait())
	}
	f.url = strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	return func() error {
		if err := c.Process.Signal(os.Interrupt); err != nil {
			return err
		}
		return c.Wait()
	}, nil
}

// account makes an account with a key, and logs in.
func (f *fuzz) account(ctx context.Context) (key, token string, err error) {
	shell := func(stdin string, args ...string) (string, error) {
		args = append(args, "--data", filepath.Join(f.dir, "data"))
		c := exec.CommandContext(ctx, f.pingr, args...) //nolint:gosec // our own program
		c.Stdin, c.Stderr = strings.NewReader(stdin), os.Stderr
		out, err := c.Output()
		return strings.TrimSpace(string(out)), err
	}
	if _, err = shell(password+"\n", "account", "create", "--email", email); err != nil {
		return "", "", fmt.Errorf("make account: %w", err)
	}
	if key, err = shell("", "key", "create", "--account", email, "--mode", "test"); err != nil {
		return "", "", fmt.Errorf("create key: %w", err)
	}
	var answer struct{ Token string }
	err = f.call(ctx, http.MethodPost, "/v1/auth/login", "", `{"email":"`+email+`","password":"`+password+`"}`, &answer)
	return key, answer.Token, err
}

func (f *fuzz) call(ctx context.Context, method, path, token, body string, answer any) error {
	r, err := http.NewRequestWithContext(ctx, method, f.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: status %d", method, path, got.StatusCode)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(got.Body).Decode(answer)
}

// schemathesis runs it once; it says itself what it found.
func (f *fuzz) schemathesis(ctx context.Context, header string, more ...string) error {
	args := append([]string{
		"--config-file", f.config, "run", f.url + "/openapi.json", "--header", header, "--seed", strconv.Itoa(f.seed),
		"--max-examples", strconv.Itoa(f.examples),
		"--generation-database", "none", "--suppress-health-check", "all", "--continue-on-failure", "--warnings", "off",
		"--request-timeout", "20", "--no-color",
	}, more...)
	began := time.Now()
	c := exec.CommandContext(ctx, f.tool, args...) //nolint:gosec // named by whoever runs this
	c.Dir = f.dir                                  // it leaves a cache behind
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("schemathesis with %s found something: %w", strings.SplitN(header, ":", 2)[0], err)
	}
	fmt.Printf("nothing found with %s in %s\n", strings.SplitN(header, ":", 2)[0], time.Since(began).Round(time.Second))
	return nil
}
