package pingr_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
)

const question = "Your number?"

// asked runs test in a world that asks for hidden numbers, with a person whose
// number is hidden.
func asked(t *testing.T, test func(*world, *sim.Phone)) {
	t.Helper()
	inWorld(t, func(w *world) {
		w.config.Settings.HiddenNumbers, w.config.Settings.NumberQuestion = pingr.HiddenAsk, question
		w.backend = func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
			return pingr.Reply{Text: "link for " + e.From.Phone}, nil
		}
		p := w.session.NewPhone(sim.PhoneConfig{Number: asha, LID: "777", Hidden: true})
		w.start()
		test(w, p)
	})
}

func TestAHiddenNumberIsAskedFor(t *testing.T) {
	const other = "4917000000001"
	wrong := "That is not the number of this WhatsApp account. Please send your own number with its country code, " +
		"for example +49 170 1234567."
	noNumber := "That is not a phone number. Please send only your number with its country code, " +
		"for example +49 170 1234567."
	last := "That was not the right number either. Please try again in an hour."
	link := "link for " + asha
	type says struct {
		after      time.Duration
		text, card string
	}
	for _, tt := range []struct {
		name string
		says []says
		want []string
	}{
		{"the number, as people type it", []says{{0, "+91 98765-43210", ""}}, []string{question, link}},
		{"in another script", []says{{0, "٠٠٩١٩٨٧٦٥٤٣٢١٠", ""}}, []string{question, link}},
		{"the own contact card", []says{{0, "", "+91 98765 43210"}}, []string{question, link}},
		{"just in time", []says{{5*time.Minute - 2*time.Second, asha, ""}}, []string{question, link}},
		{"too late", []says{{5 * time.Minute, asha, ""}}, []string{question}},
		{"nothing", nil, []string{question}},
		{"somebody else's number", []says{{0, other, ""}}, []string{question, wrong}},
		{"somebody else's card", []says{{0, "", other}}, []string{question, wrong}},
		{"a number that nobody has", []says{{0, "4917000000099", ""}}, []string{question, wrong}},
		{"the digits of the own LID", []says{{0, "1234777", ""}}, []string{question, wrong}},
		{"no number", []says{{0, "what for?", ""}}, []string{question, noNumber}},
		{"a wrong one, then the right one", []says{{0, other, ""}, {0, asha, ""}}, []string{question, wrong, link}},
		{
			"two wrong ones, then the right one",
			[]says{{0, other, ""}, {0, "hm", ""}, {0, asha, ""}},
			[]string{question, wrong, noNumber, link},
		},
		{
			"three wrong ones",
			[]says{{0, other, ""}, {0, other, ""}, {0, other, ""}, {0, asha, ""}},
			[]string{question, wrong, wrong, last},
		},
		{"the answer twice", []says{{0, asha, ""}, {0, asha, ""}}, []string{question, link}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked(t, func(w *world, p *sim.Phone) {
				w.session.NewPhone(sim.PhoneConfig{Number: other, LID: "778"})
				p.Send("login X4K9MQ")
				pass(time.Second)
				for _, s := range tt.says {
					pass(s.after)
					p.SendMessage(sim.Message{Text: s.text, Card: s.card})
					pass(time.Second)
				}
				pass(10 * time.Minute)
				assert.Equal(t, tt.want, texts(p))
				if n := len(w.heard()); tt.want[len(tt.want)-1] != link {
					assert.Zero(t, n, "nobody is told")
					return
				}
				require.Len(t, w.heard(), 1)
				e := w.heard()[0].Event
				assert.Equal(t, asha, e.From.Phone)
				assert.Equal(t, "777@lid", e.From.LID)
				assert.Equal(t, "login X4K9MQ", e.Message.Text, "the first message, not the answer")
			})
		})
	}
}

// What was confirmed counts like what WhatsApp names: for a day without asking,
// and then after one question to WhatsApp, which the person does not see.
func TestAConfirmedNumberIsNotAskedForAgain(t *testing.T) {
	asked(t, func(w *world, p *sim.Phone) {
		p.Send("login")
		pass(time.Second)
		p.Send(asha)
		for range 30 {
			pass(25 * time.Hour)
			p.Send("login")
			pass(time.Second)
			p.Send("hello")
		}
		assert.Equal(t, 1, countOf(texts(p), question))
		assert.Equal(t, 31, countOf(texts(p), "link for "+asha))
		assert.Len(t, w.session.Asked(), 31, "WhatsApp, once a login of another day")
	})
}

func countOf(all []string, text string) (n int) {
	for _, t := range all {
		if t == text {
			n++
		}
	}
	return n
}

// After three wrong answers in an hour, a person hears nothing for an hour.
func TestGuessesEndInSilence(t *testing.T) {
	asked(t, func(w *world, p *sim.Phone) {
		guess := 0
		for range 60 { // minutes
			p.Send("login")
			pass(10 * time.Second)
			for range 10 {
				guess++
				p.Send(fmt.Sprint("491700000", guess))
				pass(5 * time.Second)
			}
		}
		assert.Equal(t, 1, countOf(texts(p), question))
		assert.Len(t, texts(p), 4)
		assert.Len(t, w.session.Asked(), 3, "what WhatsApp was asked")
		pass(time.Hour)
		p.Send("login")
		pass(time.Second)
		p.Send(asha)
		pass(time.Second)
		assert.Equal(t, 1, countOf(texts(p), "link for "+asha))
	})
}

// A message that fires a trigger is no answer, and an answer fires none.
func TestAnswersAndTriggers(t *testing.T) {
	asked(t, func(w *world, p *sim.Phone) {
		w.trigger(asha, "a trigger like a number")
		p.Send("login A")
		pass(2 * time.Minute)
		p.Send("login B")
		pass(time.Second)
		p.Send("+" + asha)
		pass(10 * time.Minute)
		assert.Equal(t, []string{question, question, "link for " + asha}, texts(p))
		require.Len(t, w.heard(), 1)
		assert.Equal(t, "login B", w.heard()[0].Message.Text, "the latest goes on")
	})
}

// In a group nobody types a number for all to see.
func TestAGroupIsNotAsked(t *testing.T) {
	asked(t, func(w *world, p *sim.Phone) {
		w.config.Settings.GroupReply = pingr.GroupPublic
		bob := w.person("4917000000002")
		group := w.session.NewGroup(p, bob)
		p.SendMessage(sim.Message{Text: "login", Group: group})
		pass(time.Second)
		assert.Empty(t, texts(bob))
		p.SendMessage(sim.Message{Text: asha, Group: group})
		pass(time.Second)
		assert.Equal(t, []string{question}, texts(p))
		p.Send(asha)
		pass(time.Second)
		assert.Contains(t, texts(p), "link for "+asha)
	})
}

// While WhatsApp cannot be asked, the answer waits, and is not a wrong one.
func TestAnAnswerWaitsForWhatsApp(t *testing.T) {
	for _, fault := range []sim.Fault{sim.Away, sim.RefuseForNow} {
		t.Run(fmt.Sprint(fault), func(t *testing.T) {
			asked(t, func(w *world, p *sim.Phone) {
				p.Send("login")
				pass(time.Second)
				p.Send(asha)
				w.session.SetFault(fault)
				pass(time.Minute)
				w.session.SetFault(sim.None)
				pass(time.Minute)
				assert.Equal(t, []string{question, "link for " + asha}, texts(p))
			})
		})
	}
}

// Every state survives the end of the program, and nothing is said twice.
func TestAskingSurvivesARestart(t *testing.T) {
	asked(t, func(w *world, p *sim.Phone) {
		p.Send("login")
		pass(time.Second)
		w.halt()
		w.start()
		pass(time.Second)
		p.Send("4917000000099")
		pass(time.Second)
		w.halt()
		p.Send(asha)
		pass(time.Second)
		w.start()
		pass(time.Minute)
		assert.Len(t, texts(p), 3)
		assert.Equal(t, "link for "+asha, texts(p)[2])
	})
}

func TestHiddenNumbersArePassedOn(t *testing.T) {
	inWorld(t, func(w *world) {
		w.config.Settings.HiddenNumbers = pingr.HiddenPass
		w.start()
		p := w.session.NewPhone(sim.PhoneConfig{LID: "777", Hidden: true})
		p.Send("login")
		pass(time.Second)
		require.Len(t, w.heard(), 1)
		from := w.heard()[0].From
		assert.Equal(t, &pingr.From{JID: "777@lid", LID: "777@lid", Person: from.Person}, from)
		assert.NotEmpty(t, from.Person)
		assert.Equal(t, []string{"static for "}, texts(p))
	})
}

func TestUnknownHiddenNumbersSetting(t *testing.T) {
	w := &world{T: t}
	w.config.Settings.HiddenNumbers = "perhaps"
	_, err := pingr.New(w.config)
	require.ErrorContains(t, err, "it must be refuse, ask or pass")
}

// Two people answer with one number. It is the one's who has it, whoever was
// first.
func TestTwoClaimOneNumber(t *testing.T) {
	asked(t, func(w *world, p *sim.Phone) {
		eve := w.session.NewPhone(sim.PhoneConfig{Number: "4917000000001", LID: "778", Hidden: true})
		eve.Send("login E")
		p.Send("login A")
		pass(time.Second)
		for _, phone := range []*sim.Phone{eve, p, eve} {
			phone.SendMessage(sim.Message{Card: asha})
			pass(time.Second)
		}
		require.Len(t, w.heard(), 1)
		assert.Equal(t, "login A", w.heard()[0].Message.Text)
		assert.Contains(t, texts(p), "link for "+asha)
		assert.NotContains(t, texts(eve), "link for "+asha)
	})
}
