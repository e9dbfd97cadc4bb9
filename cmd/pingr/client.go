package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

const (
	defaultServer = "http://" + defaultListen
	// maxAnswer is the largest answer that is read. 200 deliveries are some 100
	// KiB.
	maxAnswer = 8 << 20
	// serverPatience is longer than any route takes: simulate waits 8 s for the
	// endpoint, and removing a session waits for WhatsApp.
	serverPatience = 60 * time.Second
)

// A client calls a server's API for a command, with an API key, or with a login
// if there is one.
type client struct {
	*app
	base       string // without a trailing slash
	key, token string
	http       *http.Client
	json       bool
}

// remote returns a command that talks to a server.
func (a *app) remote(c cobra.Command, run func(ctx context.Context, c *client, args []string) error) *cobra.Command {
	var server string
	var asJSON bool
	made := a.command(c, func(cmd *cobra.Command, args []string) error {
		c, err := a.client(server)
		if err != nil {
			return err
		}
		defer c.http.CloseIdleConnections()
		c.json = asJSON
		return run(cmd.Context(), c, args)
	})
	made.Flags().StringVar(&server, "server", "", "address of the server (PINGR_SERVER; default "+defaultServer+")")
	made.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return made
}

func (a *app) client(server string) (*client, error) {
	if server == "" {
		server = a.config.Server
	}
	if server == "" {
		server = defaultServer
	}
	at, err := url.Parse(server)
	if err != nil || (at.Scheme != "http" && at.Scheme != "https") || at.Host == "" || at.User != nil ||
		at.RawQuery != "" {
		return nil, usagef("--server must be an address like %s or https://pingr.example.com", defaultServer)
	}
	if at.Scheme == "http" && !isLoopback(at.Hostname()) {
		fmt.Fprintln(a.err, "Warning: keys and passwords travel in clear text to "+at.Host+". Use https.")
	}
	return &client{
		app: a, base: strings.TrimSuffix(strings.TrimRight(at.String(), "/"), "/v1"), // some write the version, too
		key: strings.TrimSpace(a.config.APIKey), token: strings.TrimSpace(a.config.Token),
		http: &http.Client{
			Timeout: serverPatience,
			// A redirect would send the key to whatever host it names.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// ask makes a request as the caller. body is sent as JSON unless it is nil, and
// the answer is read into out unless that is nil.
func (c *client) ask(ctx context.Context, method, path string, body, out any) error {
	header, err := c.credential()
	if err != nil {
		return err
	}
	return c.send(ctx, method, path, body, out, header)
}

// credential returns the header of the login, or else of the key.
func (c *client) credential() (http.Header, error) {
	switch {
	case c.token == "" && c.key == "":
		return nil, usagef("set PINGR_API_KEY: create a key with pingr key create")
	case c.token != "":
		return http.Header{"Authorization": {"Bearer " + c.token}}, nil
	}
	return http.Header{"X-Api-Key": {c.key}}, nil
}

// failed returns the error of an answer that is one, and closes it.
func (c *client) failed(resp *http.Response) error {
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return c.unreachable(err)
	}
	return c.refused(resp, answer)
}

func (c *client) send(ctx context.Context, method, path string, body, out any, header http.Header) error {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("write request: %w", err)
		}
		content = bytes.NewReader(b)
		header.Set("Content-Type", "application/json")
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, content)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	header.Set("Accept", "application/json")
	header.Set("User-Agent", "pingr/"+pingr.Version)
	req.Header = header
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return c.unreachable(err)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return c.refused(resp, answer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return c.stranger(resp)
	}
	return nil
}

// unreachable says what to do if there was no answer.
func (c *client) unreachable(err error) error {
	var dial *net.OpError
	var noTLS tls.RecordHeaderError
	var timeout net.Error
	var wrapped *url.Error
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("stopped")
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%s did not answer in time", c.base)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Errorf(
			"no server answers at %s: start one with pingr serve, or give another address with --server or PINGR_SERVER",
			c.base,
		)
	case errors.As(err, &noTLS), errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%s does not speak https: if it is on this machine, try http://", c.base)
	case errors.As(err, &wrapped):
		err = wrapped.Err // the path in it tells people nothing
	}
	return fmt.Errorf("ask %s: %w", c.base, err)
}

// stranger handles answers that no Pingr gives.
func (c *client) stranger(resp *http.Response) error {
	if to := resp.Header.Get("Location"); to != "" {
		return fmt.Errorf("%s redirects to %s: give that address with --server", c.base, plain(to))
	}
	return fmt.Errorf("the server at %s (%s) is not Pingr: check --server or PINGR_SERVER", c.base, plain(resp.Status))
}

// An apiError is an error from the API.
type apiError struct {
	api.ProblemDetail
	hint string // what to do
}

func (e *apiError) Error() string {
	return plain(strings.TrimSuffix(e.Message, ".")) + e.hint
}

func (c *client) refused(resp *http.Response, answer []byte) error {
	var problem api.Problem
	if err := json.Unmarshal(answer, &problem); err != nil || problem.Detail.Code == "" {
		return c.stranger(resp)
	}
	e, header := &apiError{ProblemDetail: problem.Detail}, resp.Request.Header
	switch {
	case e.Code == api.InvalidKey && header.Get("X-Api-Key") != "":
		e.Message, e.hint = "the server does not know this key", ": check PINGR_API_KEY and --server, or create a "+
			"key with pingr key create"
	case e.Code == api.InvalidKey && header.Get("Authorization") != "":
		e.Message, e.hint = "the login has ended, or belongs to another server", ": "+howToLogIn
	case e.Code == api.Internal:
		e.hint = fmt.Sprintf(" (request %s: see the server's log)", plain(resp.Header.Get("X-Request-Id")))
	}
	return e
}

// is reports whether an error is an answer with the code.
func is(err error, code api.Code) bool {
	var e *apiError
	return errors.As(err, &e) && e.Code == code
}

// An item is an object of the API. As JSON it is printed exactly as it came.
type item[T any] struct {
	value T
	raw   json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler.
func (i *item[T]) UnmarshalJSON(b []byte) error {
	i.raw = bytes.Clone(b)
	return json.Unmarshal(b, &i.value)
}

// MarshalJSON implements json.Marshaler.
func (i item[T]) MarshalJSON() ([]byte, error) { return i.raw, nil }

// printEach prints each object as a line of JSON.
func printEach[T any](a *app, items []item[T]) error {
	for _, i := range items {
		if err := a.writeJSON(i); err != nil {
			return err
		}
	}
	return nil
}
