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
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
)

const (
	maxAnswer        = 64 << 10
	maxAnswerHeaders = 16 << 10
)

// HTTPDispatcher delivers events to a webhook endpoint in signed POST requests.
// It follows no redirects, uses no proxy and accepts no compression. It reads
// at most 64 KiB of body and 16 KiB of headers, and one time limit covers an
// attempt from DNS to the last byte of the body. It is safe for concurrent use
// and must not be copied.
type HTTPDispatcher struct {
	// URL is the endpoint, without user information.
	URL string
	// Secret signs the requests; see [NewSecret]. If empty, requests are not
	// signed. A secret without the prefix "whsec_" yields x-pingr-signature only,
	// because the key of a Standard Webhooks signature is what follows the prefix.
	Secret string
	// OtherSecrets sign the Standard Webhooks header in addition to Secret while a
	// secret is rotated. That header can hold several signatures.
	OtherSecrets []string
	// Guard restricts the endpoint's addresses. If nil, the URL is trusted, which
	// suits a program's own configuration. A service whose customers choose the
	// URLs needs a Guard.
	Guard *Guard
	// Timeout limits one attempt. Defaults to 8 s.
	Timeout time.Duration
	// Transport carries the requests and keeps connections for the next ones. The
	// dispatchers of a process should share one, made by [NewTransport] with their
	// Guard; a dispatcher then costs nothing to make. If nil, the dispatcher makes
	// its own from Guard.
	Transport *http.Transport
	// Now returns the time for timestamps and signatures. Defaults to time.Now.
	Now func() time.Time

	once sync.Once
	own  *http.Transport // used if Transport is nil
}

// NewTransport returns a transport for webhooks. guard checks every address on
// connecting, after DNS. If guard is nil, nothing is checked.
func NewTransport(guard *Guard) *http.Transport {
	return &http.Transport{
		Proxy:                  nil, // a proxy from the environment would hide the address
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

// Endpoint returns d.URL.
func (d *HTTPDispatcher) Endpoint() string { return d.URL }

// Dispatch makes one attempt. The error of a refused, failed or late attempt
// includes neither the query of the URL nor anything of the event.
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
	case resp.StatusCode < 200:
		// The body is not read: after status 101 it is the bare connection, which
		// ignores the context.
		return reply, errors.New(refusal(resp))
	case resp.StatusCode > 399:
		return reply, errors.New(refusal(resp) + said(resp, e))
	case resp.StatusCode > 299:
		return reply, errors.New(refusal(resp))
	}
	// Reading one byte more than fits shows that there is more. The rest is not
	// read, and the connection is not reused.
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return reply, fmt.Errorf("could not read the response: %w", plainly(err, timeout))
	}
	if e.Type == EventMessageReceived {
		reply.Text, reply.NoReply = answer{resp.Header, body}.reply()
	}
	return reply, nil
}

// maxSaid is how many characters of an error answer an error includes.
const maxSaid = 200

// addresses are URLs, as far as their host.
var addresses = regexp.MustCompile(`(https?://[^\s/"'<>]*/)[^\s"'<>]*`)

// said returns the beginning of an error answer's text, such as the reason for
// which the endpoint refused a signature, to stand behind the status. It leaves
// out what the event says of its person. It returns "" for an answer that is no
// text.
func said(resp *http.Response, e Event) string {
	kind, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	if resp.Header.Get("Content-Encoding") != "" || kind != "text/plain" && kind != "application/json" &&
		kind != "application/problem+json" {
		return ""
	}
	// Whatever came in time counts; the status says enough if nothing did.
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 4*maxSaid))
	text := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(string(body), "\uFFFD"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	text = addresses.ReplaceAllString(redact(text, e), "$1…") // one may be a login link
	if text = Cut(text, maxSaid); text == "" {
		return ""
	}
	return ": " + text
}

// maxPlace is how much of a redirect's target an error includes, in bytes.
const maxPlace = 300

// refusal describes a status, and for a redirect also its target. It leaves out
// the query, the fragment and the user information, which may be secret.
func refusal(resp *http.Response) string {
	said := fmt.Sprintf("status %d", resp.StatusCode)
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
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

// post sends the event. It sends it again if the endpoint closed a kept
// connection just as it was reused: the endpoint may or may not have received
// the event, and recognizes a repeat by its webhook-id. net/http would repeat
// the same bytes, which an endpoint that accepts each signature once refuses,
// so post stamps each try separately.
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
		// Not with http.Client: it would parse the Location of a redirect, which is
		// not followed.
		resp, err := d.transport().RoundTrip(req)
		if err == nil || !c.closedEarly() || ctx.Err() != nil {
			return resp, err
		}
	}
}

// A connection records what is known about the connection of a request.
type connection struct{ kept, answered atomic.Bool }

func (c *connection) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:              func(i httptrace.GotConnInfo) { c.kept.Store(i.Reused && !speaksHTTP2(i.Conn)) },
		GotFirstResponseByte: func() { c.answered.Store(true) },
	})
}

// speaksHTTP2 reports whether c speaks HTTP/2. There, the endpoint itself tells
// which requests it did not start. net/http repeats those, and no others may be
// repeated.
func speaksHTTP2(c net.Conn) bool {
	secure, ok := c.(*tls.Conn)
	return ok && secure.ConnectionState().NegotiatedProtocol == "h2"
}

// closedEarly reports whether a failed request used a kept connection that
// ended before the first byte of an answer.
func (c *connection) closedEarly() bool { return c.kept.Load() && !c.answered.Load() }

// request stamps and signs the event.
func (d *HTTPDispatcher) request(ctx context.Context, e Event, now time.Time) (*http.Request, error) {
	e.Timestamp = now.UnixMilli()
	body, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	//nolint:gosec // Guard checks the address
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(body))
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

// signaturesStandard returns the signatures of all secrets, separated by
// spaces.
func (d *HTTPDispatcher) signaturesStandard(id string, now time.Time, body []byte) string {
	var signatures []string
	for _, secret := range append([]string{d.Secret}, d.OtherSecrets...) {
		if signature, ok := signStandard(id, now, body, secret); ok {
			signatures = append(signatures, signature)
		}
	}
	return strings.Join(signatures, " ")
}

// plainly makes an error of net/http fit to show. It explains a timeout. It
// drops our own addresses and the resolver's, which are nobody else's business,
// and the URL, whose query may be secret.
func plainly(err error, timeout time.Duration) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("no complete response within %s: %w", timeout, context.DeadlineExceeded)
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

// plainLookup drops the resolver, which err may name twice.
func plainLookup(err *net.DNSError) error {
	why := "the resolver failed"
	switch {
	case err.IsNotFound:
		why = "no such host"
	case err.IsTimeout:
		why = "the resolver did not answer in time"
	}
	return &net.DNSError{
		Err: why, Name: err.Name,
		IsTimeout: err.IsTimeout, IsTemporary: err.IsTemporary, IsNotFound: err.IsNotFound,
	}
}
