package whatsapp

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// A message that comes again in another guise has a key in common with the
// first, so that the engine handles it once.
func TestResentMessageIsRecognised(t *testing.T) {
	for _, c := range []struct {
		name string
		how  whatsapptest.Resending
	}{
		{"encrypted again", whatsapptest.Anew},
		{"named by LID instead of number", whatsapptest.Flipped},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			s, _ := w.link("sess_again")
			in := w.listen(s)
			alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
			id, err := alice.Send(t.Context(), w.shop.Number(), "login")
			require.NoError(t, err)
			first := receive(t, in)
			require.NoError(t, alice.Resend(t.Context(), id, c.how))
			second := receive(t, in)
			assert.Subset(t, append(first.Keys(pingr.Person{}), second.Keys(pingr.Person{})...), first.Keys(pingr.Person{}))
			var common []string
			for _, k := range second.Keys(pingr.Person{}) {
				for _, known := range first.Keys(pingr.Person{}) {
					if k == known {
						common = append(common, k)
					}
				}
			}
			assert.NotEmpty(t, common, "first %v, second %v", first.Keys(pingr.Person{}), second.Keys(pingr.Person{}))
			assert.Equal(t, first.Phone, second.Phone)
		})
	}
}

func TestSameCiphertextIsHandedOnOnce(t *testing.T) {
	w := newWorld(t)
	s, device := w.link("sess_same")
	in := w.listen(s)
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
	id, err := alice.Send(t.Context(), w.shop.Number(), "login")
	require.NoError(t, err)
	receive(t, in)
	require.NoError(t, alice.Resend(t.Context(), id, whatsapptest.SameCiphertext))
	_, err = alice.Send(t.Context(), w.shop.Number(), "next")
	require.NoError(t, err)
	assert.Equal(t, "next", receive(t, in).Text)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, device.WaitQueueEmpty(ctx), "it was acknowledged again")
}

// The first message of a stranger is the one that most often cannot be read.
func TestUnreadableMessageIsAskedForAgain(t *testing.T) {
	w := newWorld(t)
	s, _ := w.link("sess_garbled")
	in := w.listen(s)
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
	_, err := alice.SendMessage(t.Context(), whatsapptest.Outgoing{To: w.shop.Number(), Text: "login", Garbled: true})
	require.NoError(t, err)
	m := receive(t, in)
	assert.Equal(t, "login", m.Text)
	assert.Equal(t, uint64(1), s.Undecryptable())
	assert.Equal(t, uint64(1), w.pool.Undecryptable())

	require.NoError(t, s.Send(t.Context(), pingr.Outgoing{ID: "3EB0G", To: m.Sender, Text: "here"}))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := alice.Next(ctx)
	require.NoError(t, err)
	assert.Equal(t, "here", got.Text)
}

// What was decrypted but not taken survives the process: its ciphertext cannot
// be decrypted a second time.
func TestRefusedMessageSurvivesRestart(t *testing.T) {
	w := newWorld(t)
	s, _ := w.link("sess_refused")
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
	in := w.listen(s)
	_, err := alice.Send(t.Context(), w.shop.Number(), "hello") // a session exists from here on
	require.NoError(t, err)
	receive(t, in)
	w.untilAcknowledged() // or it comes again

	w2 := make(chan struct{}, 100)
	require.NoError(t, w.pool.Close())
	w.config.timing.redeliver = time.Hour
	w.open()
	s, _ = w.pool.Get("sess_refused")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- s.Listen(ctx, func(context.Context, pingr.Message) error { w2 <- struct{}{}; return errNobodyListens })
	}()
	w.untilState(s, pingr.SessionConnected)
	id, err := alice.Send(t.Context(), w.shop.Number(), "login")
	require.NoError(t, err)
	receive(t, w2)
	cancel()
	<-done
	require.NoError(t, w.pool.Close())

	w.open()
	s, _ = w.pool.Get("sess_refused")
	m := receive(t, w.listen(s))
	assert.Equal(t, id, m.ID)
	assert.Equal(t, "login", m.Text)
	assert.Zero(t, s.Undecryptable())
}

func TestDatabaseThatFailsLosesNothing(t *testing.T) {
	w := newWorld(t)
	s, device := w.link("sess_full")
	in := w.listen(s)
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
	_, err := alice.Send(t.Context(), w.shop.Number(), "before")
	require.NoError(t, err)
	m := receive(t, in)
	w.untilAcknowledged() // or it comes again

	mend := fill(t, w.pool.database,
		"whatsmeow_sessions", "whatsmeow_event_buffer", "whatsmeow_retry_buffer", "pingr_probe")
	err = s.Send(t.Context(), pingr.Outgoing{ID: "3EB0F", To: m.Sender, Text: "re before"})
	require.ErrorIs(t, err, pingr.ErrSessionUnavailable)
	r := w.untilState(s, pingr.SessionDisconnected)
	assert.Equal(t, pingr.ReasonKeysNotSaved, r.Reason)

	for range 3 {
		_, err = alice.Send(t.Context(), w.shop.Number(), "meanwhile")
		require.NoError(t, err)
	}
	assert.Equal(t, "transient", receive(t, w.events.events).Kind)

	mend()
	w.untilState(s, pingr.SessionConnected)
	for range 3 {
		assert.Equal(t, "meanwhile", receive(t, in).Text)
	}
	require.NoError(t, s.Send(t.Context(), pingr.Outgoing{ID: "3EB0F", To: m.Sender, Text: "re before"}))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := alice.Next(ctx)
	require.NoError(t, err)
	assert.Equal(t, "re before", got.Text)
	require.NoError(t, device.WaitQueueEmpty(ctx))
	assert.Zero(t, w.server.Ledger().Undecryptable())
}

// A send whose answer does not come holds up nobody's messages, not even those
// of the person it is for.
func TestSlowSendDoesNotBlockReceiving(t *testing.T) {
	w := newWorld(t)
	w.pool.timing.send = patience
	s, _ := w.link("sess_slow")
	in := w.listen(s)
	alice, bob := w.server.NewPhone(whatsapptest.PhoneConfig{}), w.server.NewPhone(whatsapptest.PhoneConfig{})
	_, err := alice.Send(t.Context(), w.shop.Number(), "hi")
	require.NoError(t, err)
	m := receive(t, in)

	w.server.Acks(whatsapptest.AckRule{Lose: true})
	sent := make(chan error, 1)
	sending, giveUp := context.WithCancel(t.Context())
	defer giveUp()
	go func() { sent <- s.Send(sending, pingr.Outgoing{ID: "3EB0SLOW", To: m.Sender, Text: "slow"}) }()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = alice.Next(ctx) // it is on its way
	require.NoError(t, err)
	for _, p := range []*whatsapptest.Phone{alice, bob} {
		_, err = p.Send(ctx, w.shop.Number(), "are you there?")
		require.NoError(t, err)
		receive(t, in)
	}
	select {
	case err := <-sent:
		require.Failf(t, "the send ended first", "%v", err)
	default:
	}
	giveUp()
	err = receive(t, sent)
	require.Error(t, err)
	require.NotErrorIs(t, err, pingr.ErrNotSent)
	require.NotErrorIs(t, err, pingr.ErrSessionUnavailable)
}

func TestNumberThatIsNotOnWhatsApp(t *testing.T) {
	w := newWorld(t)
	s, _ := w.link("sess_nobody")
	err := s.Send(t.Context(), pingr.Outgoing{ID: "3EB0N", To: "919999999999@s.whatsapp.net", Text: "hi"})
	require.ErrorIs(t, err, pingr.ErrNotSent)
	assert.NotContains(t, err.Error(), "9199", "no number in an error")
}

// A send to somebody who never wrote.
func TestSendToStranger(t *testing.T) {
	w := newWorld(t)
	s, _ := w.link("sess_first")
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
	companion := alice.AddCompanion()
	require.NotZero(t, companion)
	require.NoError(t, s.Send(t.Context(), pingr.Outgoing{
		ID: "3EB0S", To: alice.Number() + "@s.whatsapp.net", Text: "hello",
	}))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := alice.Next(ctx)
	require.NoError(t, err)
	assert.Equal(t, "hello", got.Text)
	assert.Zero(t, w.server.Ledger().Undecryptable())
}

// whatsmeow handles a number's next message when the last is acknowledged, which
// is after the handler has stored it. So the messages of one number are stored one
// by one, and those of several numbers side by side, in shared commits. If this
// fails with a new whatsmeow, docs/architecture.md ("Rates") is outdated.
func TestMessagesThatArriveTogether(t *testing.T) {
	const people, each = 20, 10
	w := newWorld(t)
	sessions := make([]*Session, 2)
	for i, id := range []string{"sess_first", "sess_second"} { // of one phone, so that both get all messages
		sessions[i], _ = w.link(id)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var listening sync.WaitGroup
	t.Cleanup(func() { cancel(); listening.Wait() })
	var handled, overlapped atomic.Int64
	sideBySide := make(chan struct{})
	for i, s := range sessions {
		var running atomic.Int64
		listening.Go(func() {
			_ = s.Listen(ctx, func(ctx context.Context, _ pingr.Message) error {
				if running.Add(1) > 1 {
					overlapped.Add(1)
				}
				if i == 0 { // the first session's message is not done until the second's is being handled
					select {
					case <-sideBySide:
					case <-ctx.Done():
					}
				} else {
					select {
					case sideBySide <- struct{}{}:
					case <-ctx.Done():
					}
				}
				running.Add(-1)
				handled.Add(1)
				return nil
			})
		})
	}
	for range people {
		p := w.server.NewPhone(whatsapptest.PhoneConfig{})
		listening.Go(func() {
			for range each {
				_, err := p.Send(ctx, w.shop.Number(), "login")
				assert.NoError(t, err)
			}
		})
	}
	require.Eventually(t, func() bool { return handled.Load() == 2*people*each }, patience, time.Millisecond)
	assert.Zero(t, overlapped.Load(), "of one number")
}
