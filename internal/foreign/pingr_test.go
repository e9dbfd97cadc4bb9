//go:build !race

package foreign

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/store/memory"
	"github.com/heypingr/pingr/whatsapptest"
)

// A login is a business whose number Pingr serves with the trigger "login".
type login struct {
	*program
	srv    *whatsapptest.Server
	phone  *whatsapptest.Phone
	device *whatsapptest.Device

	mu   sync.Mutex
	told []pingr.Event
}

func newLogin(t *testing.T) *login {
	t.Helper()
	srv := start(t, whatsapptest.Config{})
	return newLoginWith(t, srv, baileys(t, srv))
}

// newLoginWith serves people who use that program.
func newLoginWith(t *testing.T, srv *whatsapptest.Server, p *program) *login {
	t.Helper()
	l := &login{program: p, srv: srv, phone: srv.NewPhone(whatsapptest.PhoneConfig{Name: "Shop"})}
	store := memory.New()
	require.NoError(t, store.SaveTrigger(t.Context(), pingr.Trigger{
		ID: "trg_1", Session: "main", Phrase: "login", Reply: "static", Active: true,
	}))
	engine, err := pingr.New(pingr.Config{
		Store: store, Settings: pingr.Settings{Cooldown: -1},
		Dispatcher: pingr.DispatcherFunc(l.answer),
	})
	require.NoError(t, err)
	pool, err := whatsapp.Open(t.Context(), whatsapp.Config{
		Dir:      t.TempDir(),
		Endpoint: whatsapp.Endpoint{URL: srv.URL(), CA: srv.CAPEM(), CertKey: srv.CertKey()},
	})
	require.NoError(t, err)
	session, err := pool.Add(t.Context(), pingr.SessionRecord{ID: "main", Account: "acc"})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = engine.Run(ctx) })
	running.Go(func() { _ = engine.Serve(ctx, "acc", "main", session) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
		assert.NoError(t, pool.Close())
	})
	for now := range session.Changes(within(t)) {
		if now.QR.Code != "" {
			l.device, err = l.phone.Scan(within(t), now.QR.Code)
			require.NoError(t, err)
			break
		}
	}
	require.NoError(t, l.device.WaitOnline(within(t)))
	return l
}

// answer is the backend.
func (l *login) answer(_ context.Context, e pingr.Event) (pingr.Reply, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Message == nil {
		return pingr.Reply{}, nil
	}
	l.told = append(l.told, e)
	return pingr.Reply{Text: "link for " + e.Message.Text}, nil
}

func (l *login) heard(text string) (pingr.Event, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.told {
		if e.Message.Text == text {
			return e, true
		}
	}
	return pingr.Event{}, false
}

// person links Baileys to a new phone.
func (l *login) person(name string, addressing whatsapptest.Addressing) (*client, *whatsapptest.Phone) {
	l.t.Helper()
	phone := l.srv.NewPhone(whatsapptest.PhoneConfig{Name: name, Addressing: addressing})
	c, d := l.link(name, phone)
	require.NoError(l.t, d.WaitOnline(within(l.t)))
	return c, phone
}

// A person who uses Baileys logs in: what they write fires the trigger, once, and
// the link reaches that client and the phone, once each.
func TestLoginByBaileys(t *testing.T) {
	l := newLogin(t)
	byNumber, byLID := l.phone.Number()+"@s.whatsapp.net", l.phone.LID()+"@lid"
	people := make(map[string]*client)
	for name, addressing := range map[string]whatsapptest.Addressing{
		"number first": whatsapptest.NumberFirst, "LID first": whatsapptest.LIDFirst,
	} {
		c, phone := l.person(name, addressing)
		people[name] = c
		for to, address := range map[string]string{"number": byNumber, "LID": byLID} {
			for _, number := range []string{"one", "two"} {
				text := fmt.Sprintf("login %s by %s %s", number, to, name)
				c.send(address, text)
				c.text("link for " + text)
				assert.Equal(t, "link for "+text, next(t, phone).Text)
				e, ok := l.heard(text)
				require.True(t, ok)
				assert.Equal(t, phone.Number(), e.From.Phone)
			}
		}
	}
	c := people["LID first"]
	burst := make(map[string]bool)
	for i := range 20 {
		text := fmt.Sprintf("login burst %d", i)
		burst[text] = true
		c.send(byLID, text)
	}
	for text := range burst {
		c.text("link for " + text)
	}
	l.nothingIsLost(t, 28)
}

func (l *login) nothingIsLost(t *testing.T, logins int) {
	t.Helper()
	require.NoError(t, l.device.WaitQueueEmpty(within(t)))
	ledger := l.srv.Ledger()
	require.NoError(t, ledger.WaitReplies(within(t), 2*logins), "the phones of both see each login and each link")
	assert.Empty(t, ledger.Unread())
	l.mu.Lock()
	assert.Len(t, l.told, logins, "the backend hears of each once")
	l.mu.Unlock()
	for _, c := range l.clients {
		assert.Zero(t, c.count("message", func(e event) bool {
			return e.Text != "" &&
				!e.Mine
		}), "%s got nothing twice", c.name)
	}
	assert.Empty(t, l.srv.UnknownRequests())
}

// The person's timer comes back with the answer.
func TestLoginInAChatThatDisappears(t *testing.T) {
	l := newLogin(t)
	c, phone := l.person("Asha", whatsapptest.LIDFirst)
	c.do("send", args{"to": l.phone.LID() + "@lid", "text": "login", "options": args{"ephemeralExpiration": 86400}})
	assert.Equal(t, 86400, c.text("link for login").Timer)
	assert.Equal(t, 24*time.Hour, next(t, phone).Expiration)
}

// A group's member is answered in private.
func TestLoginInAGroup(t *testing.T) {
	l := newLogin(t)
	c, phone := l.person("Asha", whatsapptest.LIDFirst)
	group := l.srv.NewGroup(whatsapptest.GroupConfig{
		Subject: "Neighbours", ByLID: true, Members: []*whatsapptest.Phone{l.phone, phone},
	})
	c.send(group.ID(), "login in a group")
	assert.NotEqual(t, group.ID(), c.text("link for login in a group").Chat)
	assert.Empty(t, next(t, phone).Group)
}

// What cannot be read is encrypted again, both ways, and is not seen twice.
func TestUnreadableLoginAndLink(t *testing.T) {
	l := newLogin(t)
	c, phone := l.person("Asha", whatsapptest.LIDFirst)
	again := func(device string) (n int) {
		for _, s := range l.srv.Ledger().Stanzas() {
			if s.Retry && s.Device == device {
				n++
			}
		}
		return n
	}
	person := phone.Device(1)
	for what, sides := range map[string][2]*whatsapptest.Device{"login": {person, l.device}, "link": {l.device, person}} {
		sender, reader := sides[0], sides[1]
		for _, number := range []string{"first", "second"} {
			l.in(t, number+" "+what, func(t *testing.T) {
				before := again(sender.JID())
				reader.Garble(1)
				text := "login with an unreadable " + what + ", the " + number
				c.send(l.phone.LID()+"@lid", text)
				c.text("link for " + text)
				assert.Equal(t, "link for "+text, next(t, phone).Text)
				assert.Greater(t, again(sender.JID()), before)
			})
		}
	}
	l.nothingIsLost(t, 4)
}
