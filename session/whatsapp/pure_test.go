package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/heypingr/pingr"
)

func TestEndpoint(t *testing.T) {
	key := "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	for _, c := range []struct {
		name string
		e    Endpoint
		err  string
	}{
		{"the real one", Endpoint{}, ""},
		{"loopback", Endpoint{URL: "wss://127.0.0.1:8443/ws/chat", CertKey: key}, ""},
		{"loopback without TLS", Endpoint{URL: "ws://[::1]:8080/ws/chat", CertKey: key}, ""},
		{"localhost", Endpoint{URL: "wss://localhost:1/x", CertKey: key}, ""},
		{"another machine", Endpoint{URL: "wss://192.168.1.7/ws/chat", CertKey: key}, "192.168.1.7: only a loopback address"},
		{"a name", Endpoint{URL: "wss://127.0.0.1.example.com/ws/chat", CertKey: key}, "only a loopback address"},
		{
			"user info does not fool it",
			Endpoint{URL: "wss://127.0.0.1@example.com/", CertKey: key},
			"only a loopback address",
		},
		{"not a WebSocket", Endpoint{URL: "https://127.0.0.1/", CertKey: key}, "must be ws or wss"},
		{"no URL", Endpoint{URL: "://", CertKey: key}, "not a URL"},
		{"no key", Endpoint{URL: "wss://127.0.0.1/"}, "64 hex digits"},
		{"a short key", Endpoint{URL: "wss://127.0.0.1/", CertKey: "ab"}, "64 hex digits"},
		{"an invalid CA", Endpoint{URL: "wss://127.0.0.1/", CertKey: key, CA: []byte("x")}, "no PEM certificate"},
		{"a key without a URL", Endpoint{CertKey: key}, "without a WhatsApp URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Open(t.Context(), Config{
				Dir: filepath.Join(t.TempDir(), "data"), Endpoint: c.e, Registry: brokenRegistry{},
			})
			if c.err == "" {
				require.ErrorIs(t, err, errBroken, "all else is well")
			} else {
				require.ErrorContains(t, err, c.err)
			}
		})
	}
}

var errBroken = errors.New("the registry is broken")

type brokenRegistry struct{}

func (brokenRegistry) Sessions(context.Context) ([]pingr.SessionRecord, error) { return nil, errBroken }
func (brokenRegistry) SaveSession(context.Context, pingr.SessionRecord) error  { return errBroken }
func (brokenRegistry) DeleteSession(context.Context, string) error             { return errBroken }

func TestOneWhatsAppAtATime(t *testing.T) {
	one := &target{root: [32]byte{1}}
	two := &target{root: [32]byte{2}}
	before := whatsmeow.WACertPubKey
	defer func() { whatsmeow.WACertPubKey = before }()
	release, err := one.claimTrust()
	require.NoError(t, err)
	again, err := one.claimTrust()
	require.NoError(t, err)
	assert.Equal(t, one.root, whatsmeow.WACertPubKey)
	_, err = two.claimTrust()
	assert.ErrorContains(t, err, "a different WhatsApp")
	release()
	release() // twice is once
	_, err = two.claimTrust()
	require.Error(t, err)
	again()
	release, err = two.claimTrust()
	require.NoError(t, err)
	release()
}

func TestSendError(t *testing.T) {
	server := func(code int) error { return fmt.Errorf("%w %d", whatsmeow.ErrServerReturnedError, code) }
	const sent, unavailable, refused, notSent, unknown = "sent", "unavailable", "refused for now", "not sent", "unknown"
	for _, c := range []struct {
		name   string
		err    error
		sealed bool
		want   string
	}{
		{"no error", nil, true, sent},
		{"the reach-out limit", server(463), true, notSent},
		{"a bad stanza", server(479), true, refused},
		{"too fast", server(429), true, refused},
		{"a code that nobody knows", server(444), true, refused},
		{"a failure that nobody knows", server(599), true, unknown},
		{"a code before its ciphertext was made", server(500), false, refused},
		{"trouble at WhatsApp", server(500), true, unknown},
		{"no answer in time", whatsmeow.ErrMessageTimedOut, true, unknown},
		{"the caller gave up after it left", context.DeadlineExceeded, true, unknown},
		{"the caller gave up before", context.Canceled, false, unavailable},
		{
			"the socket was gone when it was ready", fmt.Errorf("failed to send message node: %w", whatsmeow.ErrNotConnected),
			true, unavailable,
		},
		{"the socket was gone at whatsmeow's second try", whatsmeow.ErrNotConnected, true, unknown},
		{"the connection broke under it", &whatsmeow.DisconnectedError{Action: "message send"}, true, unknown},
		{"not logged in", whatsmeow.ErrNotLoggedIn, false, unavailable},
		{
			"the device list was refused", fmt.Errorf("failed to get device list: %w", &whatsmeow.IQError{Code: 403}), false,
			refused,
		},
		{"the device list is late", fmt.Errorf("failed to get device list: %w", whatsmeow.ErrIQTimedOut), false, unavailable},
		{"no such number", errNotThere, false, notSent},
		{"nobody to encrypt for", fmt.Errorf("failed to store cached sessions: %w", errNoDevice), false, unavailable},
		{"the database", errors.New("disk is full"), false, unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := sendError(c.err, c.sealed, false)
			switch c.want {
			case refused:
				require.ErrorIs(t, err, pingr.ErrRefused)
				require.NotErrorIs(t, err, pingr.ErrNotSent)
				require.NotErrorIs(t, err, pingr.ErrSessionUnavailable)
			case sent:
				require.NoError(t, err)
				return
			case unavailable:
				require.ErrorIs(t, err, pingr.ErrSessionUnavailable)
				require.NotErrorIs(t, err, pingr.ErrNotSent)
			case notSent:
				require.ErrorIs(t, err, pingr.ErrNotSent)
				assert.Equal(t, c.name == "no such number", errors.Is(err, pingr.ErrNotOnWhatsApp))
				require.NotErrorIs(t, err, pingr.ErrSessionUnavailable)
			case unknown:
				require.Error(t, err)
				require.NotErrorIs(t, err, pingr.ErrNotSent)
				require.NotErrorIs(t, err, pingr.ErrSessionUnavailable)
			}
			assert.NotContains(t, err.Error(), "919876543210")
		})
	}
}

// The connection broke under a message, and whatsmeow sent it a second time by
// itself: a refusal of the second copy says nothing of the first.
func TestRefusalOfASecondCopy(t *testing.T) {
	for code := range ackCodes {
		err := sendError(fmt.Errorf("%w %d", whatsmeow.ErrServerReturnedError, code), true, true)
		require.ErrorIs(t, err, pingr.ErrUnknown, "%d", code)
		require.NotErrorIs(t, err, pingr.ErrRefused, "%d", code)
		assert.Equal(t, code == 463, errors.Is(err, pingr.ErrNotSent), "%d: only 463 is never repeated", code)
	}
}

func TestAckCodes(t *testing.T) {
	for code, m := range ackCodes {
		assert.Contains(t, []verdict{final, again, unknown}, m.verdict, "%d", code)
		assert.NotEmpty(t, m.why, "%d", code)
		assert.Equal(t, code == 463, m.verdict == final, "%d: only 463 is never repeated", code)
		assert.Equal(t, code >= 500, m.verdict == unknown, "%d: what WhatsApp did not take was not shown", code)
	}
}

func TestPersonText(t *testing.T) {
	alice := types.NewJID("919876543210", types.DefaultUserServer)
	text := &waE2E.Message{Conversation: proto.String("login")}
	event := func(change func(*events.Message)) *events.Message {
		e := &events.Message{Message: text, Info: types.MessageInfo{
			ID: "3EB0", MessageSource: types.MessageSource{Chat: alice, Sender: alice},
		}}
		change(e)
		return e
	}
	for _, c := range []struct {
		name   string
		change func(*events.Message)
		ok     bool
	}{
		{"a text", func(*events.Message) {}, true},
		{"in a group", func(e *events.Message) { e.Info.Chat = types.NewJID("1", types.GroupServer) }, true},
		{"asked for again from our phone", func(e *events.Message) { e.UnavailableRequestID = "x" }, true},
		{"our own", func(e *events.Message) { e.Info.IsFromMe = true }, false},
		{"an edit", func(e *events.Message) { e.IsEdit = true }, false},
		{"an edit by attribute", func(e *events.Message) { e.Info.Edit = types.EditAttributeMessageEdit }, false},
		{"a status", func(e *events.Message) { e.Info.Chat = types.StatusBroadcastJID }, false},
		{"a broadcast list", func(e *events.Message) { e.Info.Chat = types.NewJID("1", types.BroadcastServer) }, false},
		{"a newsletter", func(e *events.Message) { e.Info.Chat = types.NewJID("1", types.NewsletterServer) }, false},
		{
			"of a device that is no person's",
			func(e *events.Message) { e.Info.Sender = types.NewJID("1", types.HostedServer) }, false,
		},
		{"in a group, of the group itself", func(e *events.Message) {
			e.Info.Chat = types.NewJID("1", types.GroupServer)
			e.Info.Sender = e.Info.Chat
		}, false},
		{"without an id", func(e *events.Message) { e.Info.ID = "" }, false},
		{"a reaction", func(e *events.Message) {
			e.Message = &waE2E.Message{Conversation: proto.String("login"), ReactionMessage: &waE2E.ReactionMessage{}}
		}, false},
		{"an encrypted reaction", func(e *events.Message) {
			e.Message = &waE2E.Message{Conversation: proto.String("login"), EncReactionMessage: &waE2E.EncReactionMessage{}}
		}, false},
		{"a bot", func(e *events.Message) { e.Info.Sender = types.NewJID("1", types.BotServer) }, false},
		{"WhatsApp itself", func(e *events.Message) { e.Info.Sender = types.PSAJID }, false},
		{"nothing", func(e *events.Message) { e.Message = nil }, false},
		{"a sticker", func(e *events.Message) { e.Message = &waE2E.Message{StickerMessage: &waE2E.StickerMessage{}} }, false},
		{"keys of a group", func(e *events.Message) {
			e.Message = &waE2E.Message{SenderKeyDistributionMessage: &waE2E.SenderKeyDistributionMessage{}}
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, ok := personText(event(c.change))
			assert.Equal(t, c.ok, ok)
		})
	}
}

// The pause before a dial: none the first time, then twice as long each time, a
// fifth more or less, and never more than the longest.
func TestPause(t *testing.T) {
	usual := timing{}.withDefaults()
	for _, c := range []struct {
		name           string
		failures, code int
		want           time.Duration
	}{
		{"the first", 1, 0, 0},
		{"the second", 2, 0, time.Second},
		{"the third", 3, 0, 2 * time.Second},
		{"the fourth", 4, 503, 4 * time.Second},
		{"the seventh", 7, 0, 32 * time.Second},
		{"the longest", 8, 0, time.Minute},
		{"many", 1000, 0, time.Minute},
		{"a refusal is not repeated at once", 1, 409, 4 * time.Second},
		{"nor sooner than it would be anyway", 7, 409, 32 * time.Second},
	} {
		s := &Session{pool: &Pool{timing: usual}, failures: c.failures}
		seen := map[time.Duration]bool{}
		for range 200 {
			got := s.pause(c.code)
			seen[got] = true
			if c.want == 0 {
				assert.LessOrEqual(t, got, usual.backoff/5, c.name)
				continue
			}
			assert.InDelta(t, c.want, got, float64(c.want)/5+1, c.name)
		}
		assert.Greater(t, len(seen), 100, "%s: many sessions do not come at once", c.name)
	}
}

func TestClockOffset(t *testing.T) {
	const week = 7 * 24 * time.Hour
	id := func(theirs time.Time) string {
		return strconv.FormatInt(theirs.Add(3*24*time.Hour).UnixMilli()%week.Milliseconds(), 10)
	}
	// Two moments around the border of the week that the id counts in.
	border := time.UnixMilli(2900 * week.Milliseconds()).Add(-3 * 24 * time.Hour)
	for _, now := range []time.Time{
		border, border.Add(time.Minute), border.Add(-time.Minute), border.Add(50 * time.Hour),
	} {
		for _, offset := range []time.Duration{0, time.Hour, -time.Hour, 10 * time.Minute, -47 * time.Hour} {
			assert.Equal(t, offset, offsetFrom(id(now.Add(offset)), now), "%v from %v", offset, now)
		}
		assert.Zero(t, offsetFrom(id(now.Add(time.Second)), now), "noise")
	}
	assert.Zero(t, offsetFrom("", time.Now()))
}
