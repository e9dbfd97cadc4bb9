//go:build !race

package whatsapp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// A sent message is kept until its recipient has it: what our own phone, one
// member of a group or a message that could not be read says is not that.
func TestWhatAReceiptSaysOfASentMessage(t *testing.T) {
	w := newCalmWorld(t)
	s, _ := w.link("sess_receipt")
	outbox := s.line.keys.device.Load().outbox
	for _, c := range []struct {
		name    string
		receipt events.Receipt
		kept    bool
		retries uint64
	}{
		{"delivered", events.Receipt{Type: types.ReceiptTypeDelivered}, false, 0},
		{"read", events.Receipt{Type: types.ReceiptTypeRead}, false, 0},
		{"our own phone has it", events.Receipt{
			Type: types.ReceiptTypeDelivered, MessageSource: types.MessageSource{IsFromMe: true},
		}, true, 0},
		{
			"our own phone sent it",
			events.Receipt{Type: types.ReceiptTypeSender, MessageSource: types.MessageSource{IsFromMe: true}},
			true, 0,
		},
		{
			"one of a group has it",
			events.Receipt{Type: types.ReceiptTypeDelivered, MessageSource: types.MessageSource{IsGroup: true}},
			true, 0,
		},
		{"it could not be read", events.Receipt{Type: types.ReceiptTypeRetry}, true, 1},
		{
			"another message was delivered",
			events.Receipt{Type: types.ReceiptTypeDelivered, MessageIDs: []string{"3EB0OTHER"}},
			true, 0,
		},
	} {
		outbox.add(outgoing{chat: adaLID, id: "3EB0", plaintext: []byte("here")})
		before := s.Retries()
		if c.receipt.MessageIDs == nil {
			c.receipt.MessageIDs = []string{"3EB0"}
		}
		assert.True(t, s.line.onEvent(&c.receipt), c.name)
		_, kept := outbox.find(adaLID, adaNumber, "3EB0")
		assert.Equal(t, c.kept, kept, c.name)
		assert.Equal(t, before+c.retries, s.Retries(), c.name)
		outbox.delivered([]string{"3EB0"})
	}
}

// Counted is what somebody wrote and we could not read: what whatsmeow hides, or
// what is on our phone only, is not.
func TestWhatCountsAsUndecryptable(t *testing.T) {
	w := newCalmWorld(t)
	s, _ := w.link("sess_unread")
	for _, c := range []struct {
		name  string
		event events.UndecryptableMessage
		n     uint64
	}{
		{"a message", events.UndecryptableMessage{}, 1},
		{"one that WhatsApp itself withholds", events.UndecryptableMessage{IsUnavailable: true}, 1},
		{"one that nobody would see", events.UndecryptableMessage{DecryptFailMode: events.DecryptFailHide}, 1},
		{"another message", events.UndecryptableMessage{}, 2},
	} {
		assert.True(t, s.line.onEvent(&c.event), c.name)
		assert.Equal(t, c.n, s.Undecryptable(), c.name)
	}
}

// The pauses before a refused message start over once all that waited was taken,
// not while one is still refused.
func TestPausesBeginAnewWhenAllIsTaken(t *testing.T) {
	w := newCalmWorld(t)
	s, _ := w.link("sess_pauses")
	for _, since := range []bool{true, false} {
		s.mu.Lock()
		s.refusals.rounds, s.refusals.since = 5, since
		s.mu.Unlock()
		s.line.onEvent(&events.OfflineSyncCompleted{})
		s.mu.Lock()
		assert.Equal(t, since, s.refusals.rounds == 5)
		s.mu.Unlock()
	}
}

// While nobody listens a message that waits costs no connection: it is asked for
// when somebody does.
func TestNobodyListensCostsNoConnection(t *testing.T) {
	w := newCalmWorld(t)
	s, _ := w.link("sess_deaf")
	alice := w.server.NewPhone(whatsapptest.PhoneConfig{})
	_, err := alice.Send(t.Context(), w.shop.Number(), "login")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.refusals.since {
			assert.Nil(t, s.refusals.timer, "no connection is planned")
		}
		return s.refusals.since
	}, patience, time.Millisecond)
	assert.Equal(t, "login", receive(t, w.listen(s)).Text)
}

// An event of an earlier connection, or of one that was given up, changes nothing.
func TestLateWordsOfAConnection(t *testing.T) {
	w := newCalmWorld(t)
	s, _ := w.link("sess_late")
	l := s.line
	same := func(why string) {
		t.Helper()
		assert.Equal(t, pingr.SessionConnected, s.Record().State, why)
	}
	l.onEvent(&events.Disconnected{})
	same("it is connected")
	s.mu.Lock()
	now := s.attempt
	s.mu.Unlock()
	s.lost(l, now-1, 503, "")
	same("an earlier attempt failed")
	for _, other := range []*line{nil, {session: s}} {
		s.lost(other, 0, 503, "")
		s.ended(other, 401, "")
		s.linkOver(other, pingr.ReasonLinkFailed)
		s.paired(other, true)
		s.codesArrived(other, []string{"code"})
		same("another line's")
	}
	dials := l.dials.Load()
	s.dial(now - 1)
	assert.Equal(t, dials, l.dials.Load(), "a dial that is not wanted any more")
	l.broken.Store(true)
	s.dial(now)
	assert.Equal(t, dials, l.dials.Load(), "nor while the keys cannot be written")
	l.broken.Store(false)

	s.ended(l, codeReplaced, "")
	s.dial(now)
	assert.Equal(t, dials, l.dials.Load(), "nor once a person must act")
	assert.Equal(t, pingr.SessionDisconnected, s.Record().State)
}

// A code that ends a login and is unknown is an unlinking; a ban that names no end
// has none.
func TestEndsThatSayLittle(t *testing.T) {
	w := newCalmWorld(t)
	s, _ := w.link("sess_end")
	s.line.onEvent(&events.TemporaryBan{Expire: time.Hour})
	assert.InDelta(t, time.Now().Add(time.Hour).UnixMilli(), receive(t, w.events.events).ExpiresAt, 60_000)
	assert.Contains(t, s.Record().Detail, time.Now().Add(time.Hour).UTC().Format("2006-"))
	require.NoError(t, s.Reconnect())
	w.untilState(s, pingr.SessionConnected)
	receive(t, w.events.events)
	s.line.onEvent(&events.TemporaryBan{})
	e := receive(t, w.events.events)
	assert.Equal(t, codeTempBan, e.Reason)
	assert.Zero(t, e.ExpiresAt)
	require.NoError(t, s.Reconnect())
	w.untilState(s, pingr.SessionConnected)
	receive(t, w.events.events)
	s.line.onEvent(&events.LoggedOut{Reason: 499})
	assert.Equal(t, codeLoggedOut, receive(t, w.events.events).Reason)
	assert.Equal(t, pingr.SessionLoggedOut, s.Record().State)
}

// What cannot be looked up is not taken: the message comes again. Nor is anything
// taken while keys cannot be written.
func TestMessageThatCannotBeJudgedIsNotTaken(t *testing.T) {
	login := &waE2E.Message{Conversation: proto.String("login")}
	written := func(id string) *events.Message {
		return &events.Message{Message: login, RawMessage: login, Info: types.MessageInfo{
			ID: id, Timestamp: time.Now(), MessageSource: types.MessageSource{Chat: adaNumber, Sender: adaNumber},
		}}
	}
	for _, c := range []struct {
		name string
		lose string
		e    *events.Message
	}{
		{"nobody knows what number the sender had", "whatsmeow_lid_map", func() *events.Message {
			e := written("3EB0")
			e.Info.Chat, e.Info.Sender = adaLID, adaLID
			return e
		}()},
		{"nobody knows what was missed", "pingr_missed", func() *events.Message {
			e := written("3EB0")
			e.UnavailableRequestID = "3EB0REQUEST"
			return e
		}()},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newCalmWorld(t)
			s, _ := w.link("sess_blind")
			in := w.listen(s)
			names := sqlstore.NewWithDB(w.pool.database.sql, "sqlite", nil).LIDMap
			w.pool.database.keys.LIDMap = names // which remembers nobody
			_, err := w.pool.database.sql.Exec("ALTER TABLE " + c.lose + " RENAME TO gone")
			require.NoError(t, err)
			assert.False(t, s.line.onEvent(c.e))
			assert.Empty(t, in)
			s.mu.Lock()
			assert.True(t, s.refusals.since, "it is asked for again")
			s.mu.Unlock()
		})
	}
	w := newCalmWorld(t)
	s, _ := w.link("sess_blind")
	in := w.listen(s)
	l := s.line
	l.broken.Store(true)
	assert.False(t, l.onEvent(written("3EB0")))
	assert.Empty(t, in)
	l.broken.Store(false)
	assert.True(t, l.onEvent(written("3EB0")))
	assert.Equal(t, "login", receive(t, in).Text)
}

// What WhatsApp named earlier may be outdated, so a message carries only what it
// names itself, and the earlier number apart.
func TestAMessageNamesItsSender(t *testing.T) {
	w := newCalmWorld(t)
	s, _ := w.link("sess_names")
	in := w.listen(s)
	bob, bobLID := types.NewJID("4917012345678", types.DefaultUserServer), types.NewJID(
		"100200301", types.HiddenUserServer,
	)
	require.NoError(t, w.pool.database.keys.LIDMap.PutLIDMapping(t.Context(), adaLID, adaNumber))
	for _, c := range []struct {
		sender, alt         types.JID
		phone, lid, earlier string
	}{
		{adaNumber, types.EmptyJID, adaNumber.User, "", ""},
		{adaLID, types.EmptyJID, "", adaLID.String(), adaNumber.User},
		{bob, bobLID, bob.User, bobLID.String(), ""},
		{bobLID, bob, bob.User, bobLID.String(), ""},
		{bob, types.EmptyJID, bob.User, "", ""},
		{bobLID, types.EmptyJID, "", bobLID.String(), ""},
	} {
		c.sender.Device = 3 // of WhatsApp Web
		e := &events.Message{Message: &waE2E.Message{Conversation: proto.String("hi")}}
		e.Info = types.MessageInfo{ID: "3EB0", MessageSource: types.MessageSource{
			Chat: c.sender, Sender: c.sender, SenderAlt: c.alt,
		}}
		require.True(t, s.line.onEvent(e))
		m := receive(t, in)
		assert.Equal(t, c.phone, m.Phone, "%v", c)
		assert.Equal(t, c.lid, m.LID, "%v", c)
		assert.Equal(t, c.earlier, m.Earlier, "%v", c)
		assert.Equal(t, c.sender.ToNonAD().String(), m.Sender)
		assert.Equal(t, m.Sender, m.Chat)
	}
}
