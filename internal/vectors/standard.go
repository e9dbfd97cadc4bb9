package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/heypingr/pingr"
)

// standardCases are the requests of pingr.HTTPDispatcher, as an endpoint gets
// them.
func standardCases() ([]standardCase, error) {
	key := func(n int) string {
		return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\xfbk\x00", n))[:n])
	}
	message := func(id, text string) pingr.Event {
		return pingr.Event{
			Type: pingr.EventMessageReceived, Session: "sess_abc123", ID: id,
			From:      &pingr.From{Phone: "919876543210", JID: "919876543210@s.whatsapp.net"},
			Message:   &pingr.EventMessage{Text: text, Type: "text"},
			AutoReply: &pingr.AutoReply{Status: "pending"},
		}
	}
	tests := []struct {
		name   string
		event  pingr.Event
		secret string
		now    int64
	}{
		{"a message", message("evt_1", "login X4K9MQ"), secret, now},
		{"a message of all kinds of letters", message("evt_2", "Grüße नमस्ते 👨‍👩‍👧 \u2028 <&> \"\\"), secret, now},
		{"an empty message", message("evt_3", ""), secret, now},
		{"a long message", message("evt_4", strings.Repeat("login ", 2000)), secret, now},
		{"an id with dots", message("evt.5.6", "login"), secret, now},
		{"the last millisecond of a second", message("evt_7", "login"), secret, now + 999},
		{
			"a session logged out",
			pingr.Event{Type: pingr.EventSessionDisconnected, Session: "s", ID: "evt_8", Reason: 401, Kind: "terminal"},
			secret, now,
		},
		{"a session back", pingr.Event{Type: pingr.EventSessionConnected, Session: "s", ID: "evt_9"}, secret, now},
		{"a key of 24 bytes", message("evt_10", "login"), key(24), now},
		{"a key of 25 bytes", message("evt_11", "login"), key(25), now},
		{"a key of 64 bytes", message("evt_12", "login"), key(64), now},
	}
	cases := make([]standardCase, 0, len(tests))
	for _, t := range tests {
		c, err := request(t.event, t.secret, t.now)
		if err != nil {
			return nil, fmt.Errorf("request of %s: %w", t.name, err)
		}
		c.Name = t.name
		cases = append(cases, c)
	}
	return cases, nil
}

func request(event pingr.Event, secret string, at int64) (standardCase, error) {
	c := standardCase{Now: at, Secret: secret, Headers: map[string]string{}}
	var failed error
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body []byte
		body, failed = io.ReadAll(r.Body)
		c.Body = string(body)
		for _, name := range []string{
			"content-type", "webhook-id", "webhook-timestamp", "webhook-signature", "x-pingr-signature",
		} {
			c.Headers[name] = r.Header.Get(name)
		}
	}))
	defer endpoint.Close()
	d := pingr.HTTPDispatcher{
		URL: endpoint.URL, Secret: secret,
		Now: func() time.Time { return time.UnixMilli(at) },
	}
	if _, err := d.Dispatch(context.Background(), event); err != nil {
		return c, err
	}
	return c, failed
}
