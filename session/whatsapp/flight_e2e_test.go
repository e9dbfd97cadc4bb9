//go:build !race

package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// A crowd is a number with people who have written to it.
type crowd struct {
	*world
	session *Session
	device  *whatsapptest.Device
	in      <-chan pingr.Message
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
	c.in = c.listen(c.session)
	for range people {
		p := c.join(whatsapptest.PhoneConfig{})
		if companions {
			p.AddCompanion()
		}
	}
	return c
}

// join lets one more person write.
func (c *crowd) join(config whatsapptest.PhoneConfig) *whatsapptest.Phone {
	c.t.Helper()
	p := c.server.NewPhone(config)
	_, err := p.Send(c.t.Context(), c.shop.Number(), "login")
	require.NoError(c.t, err)
	c.people, c.jids = append(c.people, p), append(c.jids, receive(c.t, c.in).Sender)
	return p
}

// stanzas returns the messages that the session sent to people.
func (c *crowd) stanzas() []whatsapptest.Stanza {
	return slices.DeleteFunc(c.server.Ledger().Stanzas(), func(s whatsapptest.Stanza) bool {
		return s.Peer || s.Device != c.session.line.client.Store.ID.String()
	})
}

// loseDevice makes whatsmeow's lists those without a linked device, as if the
// notification of it had been lost.
func (c *crowd) loseDevice(of *whatsapptest.Phone, linked *whatsapptest.Device) {
	c.t.Helper()
	client := c.session.line.client
	for _, jid := range []types.JID{
		types.NewJID(of.LID(), types.HiddenUserServer), types.NewJID(of.Number(), types.DefaultUserServer),
	} {
		var others []waBinary.Node
		require.Eventually(c.t, func() bool { // the notification has come
			devices, err := client.GetUserDevices(c.t.Context(), []types.JID{jid})
			others = nil
			for _, d := range devices {
				if int(d.Device) != linked.Number() {
					others = append(others, waBinary.Node{Tag: "device", Attrs: waBinary.Attrs{"id": strconv.Itoa(int(d.Device))}})
				}
			}
			return err == nil && len(others) == len(devices)-1
		}, patience, time.Millisecond)
		client.DangerousInternals().HandleFBDeviceNotification(c.t.Context(), &waBinary.Node{
			Tag: "notification", Attrs: waBinary.Attrs{"from": jid},
			Content: []waBinary.Node{{Tag: "devices", Content: others}},
		})
	}
}

// linkOwn links another client to our own phone, and returns the texts of its
// copies of what we send.
func (c *crowd) linkOwn() (<-chan string, *whatsapptest.Device) {
	c.t.Helper()
	other, device := c.link("sess_other")
	copies := make(chan string, 10)
	other.line.client.AddEventHandler(func(e any) {
		if m, ok := e.(*events.Message); ok && m.Info.DeviceSentMeta != nil {
			copies <- m.Message.GetConversation()
		}
	})
	return copies, device
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

// A client was linked a second ago, to the person's phone or to our own, and
// WhatsApp's notification of it was lost. Its answer to our message tells that a
// device was left out, so the client gets that very message.
func TestDevicesAreLearnedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		own    bool
		person whatsapptest.PhoneConfig
	}{
		"of the person":                    {},
		"of a person who writes by number": {person: whatsapptest.PhoneConfig{Addressing: whatsapptest.NumberFirst}},
		"of our own":                       {own: true},
	} {
		t.Run(name, func(t *testing.T) {
			crowd := newCrowd(t, 0, false)
			person := crowd.join(c.person)
			crowd.answer("before")
			if c.own {
				texts, device := crowd.linkOwn()
				crowd.catchesUp(crowd.shop, device, texts)
			} else {
				texts, device := crowd.linkWeb(person)
				crowd.catchesUp(person, device, texts)
			}
		})
	}
}

// catchesUp answers twice after the notification of a device was lost.
func (c *crowd) catchesUp(owner *whatsapptest.Phone, linked *whatsapptest.Device, texts <-chan string) {
	c.t.Helper()
	c.loseDevice(owner, linked)
	c.answer("left out")
	assert.Equal(c.t, "left out 0", receive(c.t, texts))
	c.answer("learned")
	assert.Equal(c.t, "learned 0", receive(c.t, texts))
	stanzas := c.stanzas()
	require.Len(c.t, stanzas, 4, "only to the client that was left out, the message went a second time")
	assert.Equal(c.t, stanzas[1].ID, stanzas[2].ID)
	assert.Equal(c.t, "false", fmt.Sprint(stanzas[2].Node.Attrs["device_fanout"]))
	assert.Zero(c.t, c.server.Ledger().Undecryptable())
}

// WhatsApp's hash of the devices may differ for a reason that no list shows. Its
// lists are asked for once, not with each message.
func TestDevicesThatDisagreeForEver(t *testing.T) {
	c := newCrowd(t, 1, false)
	c.answer("before")
	client := c.session.line.client
	d := c.session.line.destination(t.Context(), types.NewJID(c.people[0].LID(), types.HiddenUserServer))
	f := flight{destination: d, id: "3EB0X", kind: "text", hash: "2:ours"}
	var err error
	f.devices, err = client.GetUserDevices(t.Context(), []types.JID{d.to, d.own.ToNonAD()})
	require.NoError(t, err)
	met, dev := c.session.line.met, c.session.line.keys.device.Load()
	forgotten := func(theirs string) bool {
		met.known.Purge()
		c.session.line.catchUp(t.Context(), dev, f, content("text", 0), theirs)
		return met.known.Contains(d.to)
	}
	assert.True(t, forgotten("2:theirs"), "the lists were asked for")
	assert.False(t, forgotten("2:theirs"), "and were no different")
	assert.True(t, forgotten("2:others"))
	f.hash = "2:new"
	assert.True(t, forgotten("2:others"))
	assert.Len(t, c.stanzas(), 1, "nobody was left out")
}
