//go:build !race

package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// A crowd is a number with people who have written to it.
type crowd struct {
	*world
	session *Session
	device  *whatsapptest.Device
	people  []*whatsapptest.Phone
	jids    []string // to which they are answered
}

// newCrowd lets people write. With companions, each also has WhatsApp Web.
func newCrowd(t *testing.T, people int, companions bool) *crowd {
	t.Helper()
	c := &crowd{world: newWorld(t)}
	require.NoError(t, c.pool.Close())
	c.config.timing.send = patience
	c.open()
	c.session, c.device = c.link("sess_crowd")
	in := c.listen(c.session)
	for range people {
		p := c.server.NewPhone(whatsapptest.PhoneConfig{})
		if companions {
			p.AddCompanion()
		}
		_, err := p.Send(t.Context(), c.shop.Number(), "login")
		require.NoError(t, err)
		c.people, c.jids = append(c.people, p), append(c.jids, receive(t, in).Sender)
	}
	return c
}

// send answers people i to j at once. Each gets an error, or nil.
func (c *crowd) send(round string, i, j int) <-chan error {
	results := make(chan error, j-i)
	for ; i < j; i++ {
		m := pingr.Outgoing{ID: "3EB0" + round + strconv.Itoa(i), To: c.jids[i], Text: round + " " + strconv.Itoa(i)}
		go func() { results <- c.session.Send(context.Background(), m) }()
	}
	return results
}

// answer answers everybody at once and waits until all have read it.
func (c *crowd) answer(round string) time.Duration {
	c.t.Helper()
	began := time.Now()
	results := c.send(round, 0, len(c.people))
	for i, p := range c.people {
		require.NoError(c.t, receive(c.t, results))
		ctx, cancel := context.WithTimeout(c.t.Context(), patience)
		m, err := p.Next(ctx)
		cancel()
		require.NoError(c.t, err)
		assert.Equal(c.t, fmt.Sprintf("%s %d", round, i), m.Text)
	}
	return time.Since(began)
}

// far is a latency at which a round trip takes long, compared with all work.
const far = 100 * time.Millisecond

// The time to answer many people does not grow with their number: one after
// another they would wait for as many round trips as there are messages.
func TestManyAreAnsweredAtOnce(t *testing.T) {
	const people = 32
	for name, c := range map[string]struct {
		met        bool // they were answered before
		companions bool
		trips      int // round trips for one of them alone
	}{
		"again":                           {met: true, trips: 1},
		"for the first time":              {trips: 2},
		"for the first time, also on web": {companions: true, trips: 3},
	} {
		t.Run(name, func(t *testing.T) {
			crowd := newCrowd(t, people, c.companions)
			if c.met {
				crowd.answer("before")
			}
			crowd.server.SetLatency(far)
			took := crowd.answer("now")
			serial := time.Duration(people*c.trips) * 2 * far
			t.Logf("%v; one after another at least %v", took, serial)
			assert.Less(t, took, serial/4)
			assert.Zero(t, crowd.server.Ledger().Undecryptable())
		})
	}
}

// Whose acknowledgement was lost waits for it alone.
func TestLostAcknowledgementDelaysNobodyElse(t *testing.T) {
	c := newCrowd(t, 6, false)
	c.answer("before")
	c.device.Acks(whatsapptest.AckRule{Lose: true, Times: 1})
	lost := c.send("lost", 0, 1)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := c.people[0].Next(ctx)
	require.NoError(t, err)
	others := c.send("after", 1, 6)
	for range 5 {
		require.NoError(t, receive(t, others))
	}
	select {
	case err := <-lost:
		require.Fail(t, "the others waited for it", "%v", err)
	default:
	}
	require.NoError(t, c.pool.Close())
	assert.Error(t, receive(t, lost))
}

// One person's messages go out in the order in which they were given, each after
// the answer to the one before.
func TestOnePersonsMessagesKeepTheirOrder(t *testing.T) {
	const messages = 20
	c := newCrowd(t, 1, true)
	c.server.SetLatency(5 * time.Millisecond)
	c.device.Acks(whatsapptest.AckRule{Delay: 5 * time.Millisecond})
	var all sync.WaitGroup
	for i := range messages {
		all.Go(func() {
			assert.NoError(t, c.session.Send(context.Background(),
				pingr.Outgoing{ID: fmt.Sprint("3EB0", i), To: c.jids[0], Text: strconv.Itoa(i)}))
		})
		// The next one is given when this one stands in the line, or is gone.
		require.Eventually(t, func() bool {
			c.session.chats.mu.Lock()
			defer c.session.chats.mu.Unlock()
			waiting := 0
			for _, l := range c.session.chats.locks {
				waiting += l.users
			}
			return waiting+len(c.server.Ledger().Stanzas()) > i
		}, patience, 100*time.Microsecond)
	}
	all.Wait()
	for i := range messages {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		m, err := c.people[0].Next(ctx)
		cancel()
		require.NoError(t, err)
		assert.Equal(t, strconv.Itoa(i), m.Text)
	}
	assert.Zero(t, c.server.Ledger().Undecryptable())
}

// What WhatsApp does not acknowledge takes up places, and no more than there are.
func TestFlightsAreBounded(t *testing.T) {
	c := newCrowd(t, sendsInFlight+8, false)
	c.answer("before")
	written := func() int { return len(c.server.Ledger().Stanzas()) - len(c.people) }
	c.device.Acks(whatsapptest.AckRule{Lose: true})
	results := c.send("lost", 0, len(c.people))
	require.Eventually(t, func() bool { return written() == sendsInFlight }, patience, time.Millisecond)
	require.Eventually(t, func() bool {
		c.session.chats.mu.Lock()
		defer c.session.chats.mu.Unlock()
		return len(c.session.chats.locks) == len(c.people)
	}, patience, time.Millisecond, "the others wait")
	assert.Equal(t, sendsInFlight, written())
	assert.Len(t, c.session.flights, sendsInFlight)
	require.NoError(t, c.pool.Close())
	unknown, unsent := 0, 0
	for range c.people {
		err := receive(t, results)
		require.Error(t, err)
		if errors.Is(err, pingr.ErrSessionUnavailable) {
			unsent++
		} else {
			unknown++
		}
	}
	assert.Equal(t, sendsInFlight, unknown, "they were written")
	assert.Equal(t, 8, unsent, "they were not")
}

// WhatsApp's answer tells that devices were left out, of the person or of our own
// account. The next message reaches them.
func TestDevicesAreLearnedAgain(t *testing.T) {
	for name, of := range map[string]func(*crowd) *whatsapptest.Phone{
		"of the person": func(c *crowd) *whatsapptest.Phone { return c.people[0] },
		"of our own":    func(c *crowd) *whatsapptest.Phone { return c.shop },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCrowd(t, 1, false)
			c.answer("before")
			lid, client := types.NewJID(of(c).LID(), types.HiddenUserServer), c.session.line.client
			linked := types.NewADJID(lid.User, types.LIDDomain, uint8(of(c).AddCompanion()))
			require.Eventually(t, func() bool {
				devices, err := client.GetUserDevices(t.Context(), []types.JID{lid})
				return err == nil && slices.Contains(devices, linked)
			}, patience, time.Millisecond)
			reached := func() bool {
				stanzas := c.server.Ledger().Stanzas()
				stanza, _ := outline(*stanzas[len(stanzas)-1].Node, strings.NewReplacer())
				return strings.Contains(stanza, "to jid="+linked.String())
			}
			// As if its notification had been lost.
			phone := []waBinary.Node{{Tag: "device", Attrs: waBinary.Attrs{"id": "0"}}}
			client.DangerousInternals().HandleFBDeviceNotification(t.Context(), &waBinary.Node{
				Tag: "notification", Attrs: waBinary.Attrs{"from": lid},
				Content: []waBinary.Node{{Tag: "devices", Content: phone}},
			})
			c.answer("left out")
			assert.False(t, reached())
			c.answer("learned")
			assert.True(t, reached())
		})
	}
}
