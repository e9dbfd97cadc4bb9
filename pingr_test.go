package pingr

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
)

func TestNewReportsEveryProblemAtOnce(t *testing.T) {
	_, err := New(Config{
		InFlight: -1, MaxInFlight: -2, SendRate: -3, BacklogRate: math.NaN(), Settings: Settings{GroupReply: "everywhere"},
	})
	require.Error(t, err)
	for _, part := range []string{
		"Config.Store is missing", "InFlight is -1", "MaxInFlight is -2", "SendRate is -3", "BacklogRate is NaN",
		`"everywhere"`,
	} {
		assert.ErrorContains(t, err, part)
	}
}

func TestMessageKeys(t *testing.T) {
	const phone, lid = "919876543210", "777@lid"
	tests := []struct {
		name string
		m    Message
		want []string
	}{
		{
			"by number",
			Message{ID: "A", Chat: phone + "@s.whatsapp.net", Sender: phone + "@s.whatsapp.net", Phone: phone},
			[]string{"919876543210@s.whatsapp.net|919876543210@s.whatsapp.net|A"},
		},
		{"by LID, number hidden", Message{ID: "A", Chat: lid, Sender: lid, LID: lid}, []string{"777@lid|777@lid|A"}},
		{
			"both known, named by LID",
			Message{ID: "A", Chat: lid, Sender: lid, Phone: phone, LID: lid},
			[]string{"919876543210@s.whatsapp.net|919876543210@s.whatsapp.net|A", "777@lid|777@lid|A"},
		},
		{
			"in a group the chat is the group",
			Message{ID: "A", Chat: "1@g.us", Sender: lid, Phone: phone, LID: lid},
			[]string{"1@g.us|919876543210@s.whatsapp.net|A", "1@g.us|777@lid|A"},
		},
		{"neither known", Message{ID: "A", Chat: "x@y", Sender: "x@y"}, []string{"x@y|x@y|A"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { assert.Equal(t, tt.want, tt.m.Keys(Person{})) })
	}
}

func TestReplyIDFollowsFromTheMessage(t *testing.T) {
	f := Firing{ID: "evt_1", Session: "s", Message: Message{ID: "A", Chat: "1@lid", Sender: "1@lid", LID: "1@lid"}}
	id := f.outgoing(Settings{}).ID
	assert.Regexp(t, `^3EB0[0-9A-F]{18}$`, id)
	again := f
	again.ID, again.AcceptedAt = "evt_2", time.Now()
	assert.Equal(t, id, again.outgoing(Settings{}).ID, "whatever the event is called")
	other := f
	other.Session = "t"
	assert.NotEqual(t, id, other.outgoing(Settings{}).ID)
}

func TestAgeNeedsNoRightClock(t *testing.T) {
	network := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	wrong := network.Add(-3 * time.Hour)
	f := Firing{Message: Message{Time: network.Add(-time.Minute), Arrived: network}, AcceptedAt: wrong}
	assert.Equal(t, time.Minute, f.age(wrong))
	assert.Equal(t, 3*time.Minute, f.age(wrong.Add(2*time.Minute)), "waiting here counts too")
}

// A Session that does not know when a message arrived leaves the time out. Our clock takes its place:
// the message expires, or belongs to a backlog, like any other.
func TestAMessageWithoutATimeOfArrival(t *testing.T) {
	sent := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	f := Firing{Message: Message{Time: sent}, AcceptedAt: sent.Add(time.Hour)}
	assert.Equal(t, 61*time.Minute, f.age(sent.Add(61*time.Minute)))
	never := rate.NewLimiter(rate.Every(time.Hour), 1)
	never.Allow()
	s := attachedSession{all: rate.NewLimiter(rate.Inf, 1), backlog: never}
	assert.Greater(t, s.pause(f), 30*time.Minute)
	f.AcceptedAt = sent
	assert.Zero(t, s.pause(f), "it has just been sent")
}

// Failures are retried less and less often, but never so seldom that a recovered number keeps people
// waiting.
func TestPauseBetweenTries(t *testing.T) {
	for failing, want := range map[time.Duration]time.Duration{
		-time.Hour: time.Second, 0: time.Second, 2 * time.Second: time.Second, 10 * time.Second: 5 * time.Second,
		time.Minute: 30 * time.Second, time.Hour: 30 * time.Second,
	} {
		assert.Equal(t, want, pause(failing), failing)
	}
}

// The defaults are what the documentation says. A hanging endpoint costs no more memory, and nobody
// waits longer.
func TestDefaults(t *testing.T) {
	e, err := New(Config{Store: struct{ Store }{}})
	require.NoError(t, err)
	c := e.cfg
	assert.Equal(t, []int{1024, 2048}, []int{c.InFlight, c.MaxInFlight})
	assert.Equal(t, []time.Duration{8 * time.Second, 10 * time.Minute, 10 * time.Second},
		[]time.Duration{c.DispatchTimeout, c.ReplyDeadline, c.StopGrace})
	assert.Equal(t, DefaultSession, c.SessionID)
	var total time.Duration
	for _, wait := range c.RetrySchedule {
		total += wait
	}
	assert.InDelta(t, 28, total.Hours(), 1)
	assert.Equal(t, time.Minute, Settings{}.cooldown())
	assert.Equal(t, 5*time.Minute, Settings{}.maxMessageAge())
	assert.WithinDuration(t, time.Now(), c.Now(), time.Minute)
}

func TestEventTellsTheKindOfAMessage(t *testing.T) {
	for kind, want := range map[string]string{"": "text", "text": "text", "image": "image", "video": "video"} {
		assert.Equal(t, want, Firing{Message: Message{Type: kind}}.event(AutoReply{}).Message.Type)
	}
}
