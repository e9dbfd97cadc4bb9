package pingr

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
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	maxAnswer        = 64 << 10
	maxAnswerHeaders = 16 << 10
)

// HTTPDispatcher tells a webhook endpoint by signed POST requests: no
// redirects, no proxies, no decompression, at most 64 KiB of body and 16 KiB of
// headers, and one bound of time from DNS to the last byte of the body. It is
// safe for concurrent use and must not be copied.
type HTTPDispatcher struct {
	// URL is the endpoint, without user information.
	URL string
	// Secret signs the requests; see [NewSecret]. Empty sends them without a
	// signature. A secret without "whsec_" gives x-pingr-signature alone, for
	// the key of a Standard Webhooks signature is what follows that.
	Secret string
	// OtherSecrets sign the Standard Webhooks header beside Secret, while a
	// secret is rotated: that header holds several signatures.
	OtherSecrets []string
	// Guard says which addresses the endpoint may have. Nil trusts the URL, as
	// befits a program's own configuration; a service whose customers choose
	// URLs needs one.
	Guard *Guard
	// Timeout is for one attempt. Default 8 s.
	Timeout time.Duration
	// Transport carries the requests and keeps connections for the next. The
	// dispatchers of a process should share one, made by [NewTransport] with
	// their Guard; then a dispatcher costs nothing to make. Nil makes one from
	// Guard, for this dispatcher alone.
	Transport *http.Transport
	// Now stamps and signs; nil is time.Now.
	Now func() time.Time

	once sync.Once
	own  *http.Transport // in place of a nil Transport
}

// NewTransport makes the connections that webhooks are told over: guard checks
// every address when it is connected to, after DNS. Nil checks nothing.
func NewTransport(guard *Guard) *http.Transport {
	return &http.Transport{
		Proxy:                  nil, // the environment's proxy would hide the address
		DialContext:            guard.dialer().DialContext,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxAnswerHeaders,
		MaxIdleConns:           1000,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        60 * time.Second,
		TLSHandshakeTimeout:    8 * time.Second,
	}
}

// Dispatch makes one attempt. The error of a refused, failed or late attempt
// names neither the query of the URL nor anything of the event.
func (d *HTTPDispatcher) Dispatch(ctx context.Context, e Event) (Reply, error) {
	reply := Reply{URL: d.URL}
	if err := d.Guard.CheckURL(d.URL); err != nil {
		return reply, err
	}
	timeout := d.Timeout
	setDefault(&timeout, 8*time.Second)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if end, ok := ctx.Deadline(); ok {
		timeout = time.Until(end).Round(10 * time.Millisecond) // the caller's deadline may be earlier
	}
	if strings.HasPrefix(strings.ToLower(d.URL), "http:") {
		ctx = context.WithValue(ctx, plainHTTP{}, true)
	}
	resp, err := d.post(ctx, e)
	if err != nil {
		return reply, plainly(err, timeout)
	}
	defer resp.Body.Close()
	reply.Status = resp.StatusCode
	switch {
	case resp.StatusCode == http.StatusGone:
		return reply, fmt.Errorf("status %d: %w", resp.StatusCode, ErrGone)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		// The body is not read: after 101 it is the bare connection, which
		// knows no context.
		return reply, errors.New(refusal(resp))
	}
	// One byte more than fits tells that there is more; the rest is not read,
	// and the connection not used again.
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return reply, fmt.Errorf("answer not read: %w", plainly(err, timeout))
	}
	if e.Type == EventMessageReceived {
		reply.Text, reply.NoReply = answer{resp.Header, body}.reply()
	}
	return reply, nil
}

// maxPlace is how much of a redirect's target an error names, in bytes.
const maxPlace = 300

// refusal says which status came, and of a redirect where it pointed: without
// the query, the fragment and the user information, which may be secret.
func refusal(resp *http.Response) string {
	said := fmt.Sprintf("status %d", resp.StatusCode)
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return said
	}
	said += ": redirects are not followed"
	to, err := resp.Location()
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return said
	}
	place := url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path, RawPath: to.RawPath}
	text := place.String()
	if len(text) > maxPlace {
		text = text[:maxPlace] + "…" // percent-encoded: all ASCII but perhaps the host
	}
	return said + "; it points to " + strings.ToValidUTF8(text, "")
}

func (d *HTTPDispatcher) transport() *http.Transport {
	if d.Transport != nil {
		return d.Transport
	}
	d.once.Do(func() { d.own = NewTransport(d.Guard) })
	return d.own
}

// post sends the event, and again when the endpoint closed a kept connection
// just as it was used again: it may have received the event, or not.
// The webhook-id tells the repeat. net/http would send the same bytes, which an
// endpoint that takes each signature once refuses; so each has its own stamp.
func (d *HTTPDispatcher) post(ctx context.Context, e Event) (*http.Response, error) {
	var last time.Time
	for {
		now := time.Now()
		if d.Now != nil {
			now = d.Now()
		}
		if !now.After(last.Add(time.Millisecond)) {
			now = last.Add(time.Millisecond)
		}
		last = now
		var c connection
		req, err := d.request(c.trace(ctx), e, now)
		if err != nil {
			return nil, err
		}
		// Not by http.Client: it would parse the Location of a redirect, which is
		// not followed.
		resp, err := d.transport().RoundTrip(req)
		if err == nil || !c.closedEarly() || ctx.Err() != nil {
			return resp, err
		}
	}
}

// A connection is what is known of the one that carried a request.
type connection struct{ kept, answered atomic.Bool }

func (c *connection) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:              func(i httptrace.GotConnInfo) { c.kept.Store(i.Reused && !speaksHTTP2(i.Conn)) },
		GotFirstResponseByte: func() { c.answered.Store(true) },
	})
}

// speaksHTTP2 reports whether the endpoint says by itself what it did not begin:
// then net/http repeats that, and nothing else is to be repeated.
func speaksHTTP2(c net.Conn) bool {
	secure, ok := c.(*tls.Conn)
	return ok && secure.ConnectionState().NegotiatedProtocol == "h2"
}

// closedEarly reports whether a failed request went over a kept connection that
// ended before the first byte of an answer.
func (c *connection) closedEarly() bool { return c.kept.Load() && !c.answered.Load() }

// request stamps the event and signs it.
func (d *HTTPDispatcher) request(ctx context.Context, e Event, now time.Time) (*http.Request, error) {
	e.Timestamp = now.UnixMilli()
	body, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("write event: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(body)) //nolint:gosec // Guard looks at the address
	if err != nil {
		return nil, errors.New("the endpoint is not a URL")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Pingr/"+Version)
	if d.Secret != "" {
		req.Header.Set("X-Pingr-Signature", Sign(body, d.Secret))
	}
	req.Header.Set("X-Pingr-Event", string(e.Type))
	req.Header.Set("X-Pingr-Attempt", strconv.Itoa(max(e.Attempt, 1)))
	req.Header.Set("Webhook-Id", e.ID)
	req.Header.Set("Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10))
	if signatures := d.signaturesStandard(e.ID, now, body); signatures != "" {
		req.Header.Set("Webhook-Signature", signatures)
	}
	return req, nil
}

// signaturesStandard are those of all secrets, separated by spaces.
func (d *HTTPDispatcher) signaturesStandard(id string, now time.Time, body []byte) string {
	var signatures []string
	for _, secret := range append([]string{d.Secret}, d.OtherSecrets...) {
		if signature, ok := signStandard(id, now, body, secret); ok {
			signatures = append(signatures, signature)
		}
	}
	return strings.Join(signatures, " ")
}

// plainly says what a late attempt is, drops our own addresses and the resolver's,
// which are nobody else's business, and the URL, whose query may be
// secret, from an error of net/http.
func plainly(err error, timeout time.Duration) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no whole answer within %s: %w", timeout, context.DeadlineExceeded)
	}
	var lookup *net.DNSError
	if errors.As(err, &lookup) {
		return plainLookup(lookup)
	}
	var network *net.OpError
	if errors.As(err, &network) {
		without := *network
		without.Source = nil
		return &without
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// plainLookup leaves the resolver out, which the error names up to twice.
func plainLookup(err *net.DNSError) error {
	why := "the resolver failed"
	switch {
	case err.IsNotFound:
		why = "no such host"
	case err.IsTimeout:
		why = "the resolver did not answer in time"
	}
	return &net.DNSError{Err: why, Name: err.Name, IsTimeout: err.IsTimeout, IsTemporary: err.IsTemporary, IsNotFound: err.IsNotFound}
}
