//go:build !race

package whatsapptest_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/heypingr/pingr/whatsapptest"
)

// echo makes the client answer every text inside its handler. whatsmeow decrypts nothing else in the
// meantime.
func (c *client) echo(ctx context.Context) {
	c.AddEventHandler(func(e any) {
		m, ok := e.(*events.Message)
		if !ok || m.Message.GetConversation() == "" {
			return
		}
		// A failed answer is missing from the ledger, which the test checks.
		_, _ = c.SendMessage(ctx, m.Info.Chat, whatsapptest.TextMessage("re: "+m.Message.GetConversation()))
	})
}

func TestBurstOfOneSenderIsAnsweredInOrder(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), 3*limit)
	defer cancel()
	w.client.echo(ctx)
	const burst = 400
	for i := range burst {
		_, err := w.alice.Send(ctx, w.shop.Number(), strconv.Itoa(i))
		require.NoError(t, err)
	}
	for i := range burst {
		m, err := w.alice.Next(ctx)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint("re: ", i), m.Text)
	}
	l := w.srv.Ledger()
	assert.Zero(t, l.Undecryptable())
	assert.Len(t, l.Replies(), burst)
	assert.Empty(t, l.Unread())
	require.NoError(t, l.WaitAcknowledged(ctx, burst))
	assert.Empty(t, w.srv.UnknownRequests())
}

// BenchmarkRoundTrip measures a text in and its answer out, read by the person,
// for 32 people at once who each wait for the answer before they write again.
func BenchmarkRoundTrip(b *testing.B) {
	const people = 32
	srv := start(b, whatsapptest.Config{})
	shop := srv.NewPhone(whatsapptest.PhoneConfig{Number: "15550100001"})
	c, _ := linked(b, srv, shop)
	ctx, cancel := context.WithTimeout(b.Context(), 10*time.Minute)
	defer cancel()
	c.echo(ctx)
	var work sync.WaitGroup
	turns := make(chan struct{}, b.N)
	for range b.N {
		turns <- struct{}{}
	}
	close(turns)
	b.ResetTimer()
	started := time.Now()
	for range people {
		p := srv.NewPhone(whatsapptest.PhoneConfig{})
		work.Go(func() {
			for range turns {
				if _, err := p.Send(ctx, shop.Number(), "hi"); err != nil {
					b.Error(err)
				}
				if _, err := p.Next(ctx); err != nil {
					b.Error(err)
				}
			}
		})
	}
	work.Wait()
	b.ReportMetric(float64(b.N)/time.Since(started).Seconds(), "trips/s")
}

// A client that answers from other goroutines, while whatsmeow decrypts the same person's next
// message, may spoil the Signal session: keys are used twice. Retries repair nearly all answers, and
// the ledger knows every one.
func TestLedgerAccountsForRacingAnswers(t *testing.T) {
	w := newWorld(t, whatsapptest.PhoneConfig{})
	ctx, cancel := context.WithTimeout(t.Context(), 3*limit)
	defer cancel()
	const burst = 200
	var work sync.WaitGroup
	w.client.AddEventHandler(func(e any) {
		if m, ok := e.(*events.Message); ok && m.Message.GetConversation() != "" {
			work.Go(func() { _, _ = w.client.SendMessage(ctx, m.Info.Chat, whatsapptest.TextMessage("re")) })
		}
	})
	for range burst {
		_, err := w.alice.Send(ctx, w.shop.Number(), "hi")
		require.NoError(t, err)
	}
	l := w.srv.Ledger()
	require.NoError(t, l.WaitUntil(ctx, func(l *whatsapptest.Ledger) bool { return len(l.Replies()) == burst }))
	require.NoError(t, l.WaitReplies(ctx, burst*9/10))
	t.Logf("of %d answers %d are visible, after %d ciphertexts that could not be read", burst, l.Visible(),
		l.Undecryptable())
	w.client.Disconnect()
	cancel()
	work.Wait()
}

// BenchmarkNewPhone measures the cost of a person who has written nothing.
func BenchmarkNewPhone(b *testing.B) {
	srv := start(b, whatsapptest.Config{})
	b.ReportAllocs()
	for b.Loop() {
		srv.NewPhone(whatsapptest.PhoneConfig{})
	}
}
