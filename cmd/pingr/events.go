package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) eventsCommand() *cobra.Command {
	return a.remote(cobra.Command{
		Use: "events", Short: "Print sessions, firings and deliveries as they change",
		Long: "Prints a line for each change, until interrupted: its kind (session, firing or\n" +
			"delivery) and a JSON object. With --json, a line is one JSON object with both.\n" +
			"No line contains a phone number or a text.",
		Example: "  pingr events\n  pingr events --json | jq .data.status",
	}, func(ctx context.Context, c *client, _ []string) error { return unlessStopped(ctx, c.events(ctx)) })
}

// events reads the stream. It ends with an error, because the server ends it only
// if it stops or the key does.
func (c *client) events(ctx context.Context) error {
	resp, err := c.stream(ctx, "/v1/events")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	kind := ""
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, maxAnswer)
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "event: "); ok {
			kind = name
		}
		data, ok := strings.CutPrefix(line, "data: ")
		switch {
		case !ok:
		case c.json:
			fmt.Fprintf(c.out, "{\"event\":%q,\"data\":%s}\n", kind, data)
		default:
			fmt.Fprintln(c.out, plain(kind+"  "+data))
		}
	}
	if err := lines.Err(); err != nil {
		return c.unreachable(err)
	}
	return errors.New("the server ended the stream: it stopped, or the key or login did")
}

// stream opens a stream, which lasts longer than any other answer.
func (c *client) stream(ctx context.Context, path string) (*http.Response, error) {
	header, err := c.credential()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	req.Header = header
	req.Header.Set("Accept", "text/event-stream")
	unhurried := *c.http
	unhurried.Timeout = 0
	resp, err := unhurried.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, c.failed(resp)
	}
	return resp, nil
}
