package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"strings"
	"time"
)

// Check performs one login as a person would: a browser opens the login page, the phone sends the
// code, and that browser opens the link in the reply. It tells entry of each step, and returns an
// error that names the failed step.
func (d *Demo) Check(ctx context.Context, entry func(Entry)) error {
	b, err := openBrowser(d.URL())
	if err != nil {
		return err
	}
	defer b.client.CloseIdleConnections()

	var shown loginState
	if err := b.json(ctx, http.MethodPost, "/shop/login", "", &shown); err != nil {
		return fmt.Errorf("login page: %w", err)
	}
	if shown.State != "waiting" || shown.Code == "" {
		return fmt.Errorf("login page shows no code; its state is %q", shown.State)
	}
	var sent struct{ ID string }
	message, err := json.Marshal(map[string]string{"text": shown.Text})
	if err != nil {
		return fmt.Errorf("%s: %w", StepSent, err)
	}
	if err := b.json(ctx, http.MethodPost, "/phone/messages", string(message), &sent); err != nil {
		return fmt.Errorf("%s: %w", StepSent, err)
	}
	watch := &watcher{feed: d.feed, trace: sent.ID, entry: entry}
	for _, step := range []Step{
		StepSent, StepReceived, StepStored, StepAsked, StepAnswered, StepDecided, StepReplied, StepShown,
	} {
		if err := watch.until(ctx, step); err != nil {
			return fmt.Errorf("%s: %w", step, err)
		}
	}
	address := linkIn.FindString(watch.reply)
	if !strings.HasPrefix(address, d.URL()+"/") {
		return fmt.Errorf("%s: the reply contains no link to the demo", StepShown)
	}
	if err := b.open(ctx, http.MethodGet, address); err != nil {
		return fmt.Errorf("%s: %w", StepOpened, err)
	}
	if err := watch.until(ctx, StepOpened); err != nil {
		return fmt.Errorf("%s: %w", StepOpened, err)
	}
	if err := b.open(ctx, http.MethodPost, address); err != nil {
		return fmt.Errorf("%s: %w", StepSignedIn, err)
	}
	if err := watch.until(ctx, StepSignedIn); err != nil {
		return fmt.Errorf("%s: %w", StepSignedIn, err)
	}
	if err := b.json(ctx, http.MethodGet, "/shop/login", "", &shown); err != nil {
		return fmt.Errorf("%s: %w", StepSignedIn, err)
	}
	if shown.State != "signed_in" || shown.Phone != personNumber {
		return fmt.Errorf("%s: the login page's state is %q", StepSignedIn, shown.State)
	}
	return nil
}

var linkIn = regexp.MustCompile(`https?://\S+`)

type loginState struct{ State, Code, Text, Phone string }

// A browser keeps cookies.
type browser struct {
	origin string
	client http.Client
}

func openBrowser(origin string) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("create browser: %w", err)
	}
	// Straight to loopback: no proxy of the environment, none shared.
	return &browser{origin: origin, client: http.Client{Jar: jar, Transport: &http.Transport{}}}, nil
}

func (b *browser) json(ctx context.Context, method, path, body string, into any) error {
	return b.do(ctx, method, b.origin+path, body, func(r io.Reader) error { return json.NewDecoder(r).Decode(into) })
}

// open loads a page, redirects included.
func (b *browser) open(ctx context.Context, method, address string) error {
	return b.do(ctx, method, address, "", func(r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	})
}

func (b *browser) do(ctx context.Context, method, address, body string, read func(io.Reader) error) error {
	req, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return errors.New("not an address")
	}
	req.Header.Set("User-Agent", "Pingr-Check")
	resp, err := b.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode > 299 {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return read(io.LimitReader(resp.Body, 1<<20))
}

// A watcher follows one login in the feed.
type watcher struct {
	feed  *feed
	trace string
	entry func(Entry)

	at    int
	seen  map[Step]bool
	reply string // the last text that the phone showed
}

// stepTime is how long a step may take.
const stepTime = 10 * time.Second

// until waits for a step. It fails at once if the message gets no reply.
func (w *watcher) until(ctx context.Context, step Step) error {
	ctx, cancel := context.WithTimeoutCause(ctx, stepTime, fmt.Errorf("did not happen within %s", stepTime))
	defer cancel()
	// Two events show a reply, the step and the text.
	for !w.seen[step] || step == StepShown && w.reply == "" {
		more, err := w.feed.after(ctx, w.at)
		if err != nil {
			return context.Cause(ctx)
		}
		for _, e := range more {
			w.at = e.ID
			if err := w.note(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *watcher) note(e event) error {
	switch e.Kind {
	case "step":
		var s Entry
		if err := json.Unmarshal(e.Data, &s); err != nil || s.Trace != w.trace {
			return err
		}
		if w.seen == nil {
			w.seen = map[Step]bool{}
		}
		w.seen[s.Step] = true
		w.entry(s)
		if s.Step == StepNoReply {
			return fmt.Errorf("no reply: %s", s.Note)
		}
	case "message":
		var m bubble
		if err := json.Unmarshal(e.Data, &m); err != nil {
			return err
		}
		if !m.Mine && w.seen[StepSent] {
			w.reply = m.Text
		}
	}
	return nil
}
