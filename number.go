package pingr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// askTime is how long a firing waits for its sender to answer with the number.
	askTime = 5 * time.Minute
	// maxWrong is how many wrong numbers a person may answer with in silenceTime;
	// the last one begins a silence of that length.
	maxWrong    = 3
	silenceTime = time.Hour
	// resolveTime bounds a question to WhatsApp; a lease is longer.
	resolveTime = 20 * time.Second
	// maxAnswerText is more characters than a number has, however it is typed.
	maxAnswerText = 128
)

const (
	wrongNumber = "That is not the number of this WhatsApp account. Please send your own number with its country code, " +
		"for example +49 170 1234567."
	noNumber = "That is not a phone number. Please send only your number with its country code, " +
		"for example +49 170 1234567."
	lastWords = "That was not the right number either. Please try again in an hour."
)

// numberKnown reports whether the sender's number is known. If the number that
// the sender had earlier is, WhatsApp is asked whether it still is the sender's,
// at most once a day.
func (e *Engine) numberKnown(ctx context.Context, f *Firing) (bool, error) {
	earlier := f.Person.Phone
	setDefault(&earlier, f.Message.Earlier)
	asks := e.resolver(*f)
	switch {
	case f.Message.Phone != "":
		return true, nil
	case earlier == "" || f.Message.LID == "" || asks == nil:
		return false, nil
	case !e.questions.first(f.Account+"/"+f.Message.LID+"/"+earlier, e.cfg.Now()):
		return false, nil
	}
	who, err := resolve(ctx, asks, earlier)
	if err != nil || who.LID != f.Message.LID {
		return false, ctx.Err() // hidden for now, if WhatsApp did not answer
	}
	return e.confirm(ctx, f, who)
}

// resolver returns what asks WhatsApp who has a number, or nil.
func (e *Engine) resolver(f Firing) Resolver {
	if s := e.session(f.Account, f.Session); s != nil {
		r, _ := s.session.(Resolver)
		return r
	}
	return nil
}

func resolve(ctx context.Context, r Resolver, phone string) (Resolved, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	return r.Resolve(ctx, phone)
}

// confirm records that a number is the sender's. It reports whether this engine
// goes on with the firing.
func (e *Engine) confirm(ctx context.Context, f *Firing, who Resolved) (bool, error) {
	cooldowns := slices.DeleteFunc(slices.Clone(f.Limits), func(l Limit) bool { return l.Kind != Cooldown })
	stands, confirmed, err := e.cfg.Store.Confirm(ctx, Confirmation{
		Firing: f.ID, Holder: e.holder, At: e.cfg.Now(), LID: who.LID, Phone: who.Phone, Release: cooldowns,
	})
	if err != nil {
		return false, e.storeFailed("storing a number", err)
	}
	*f = stands.identified(e.cfg.PairAge)
	return confirmed && f.Message.Phone != "", nil
}

// askNumber asks the sender for the number, unless too many answers were wrong.
func (e *Engine) askNumber(ctx context.Context, f *Firing, s Settings) (going bool, err error) {
	now := e.cfg.Now()
	var refused *LimitError
	switch err := e.cfg.Store.Peek(ctx, now, f.triesLimit(now), f.silenceLimit(now)); {
	case errors.As(err, &refused):
		return false, e.conclude(ctx, f, Outcome{Kind: NoPhone, Reason: "too many wrong numbers"})
	case err != nil:
		return false, e.storeFailed("looking for wrong numbers", err)
	case e.resolver(*f) == nil:
		return false, e.conclude(ctx, f, Outcome{Kind: NoPhone, Reason: "number hidden; the session cannot ask whose one is"})
	}
	question := s.NumberQuestion
	setDefault(&question, DefaultNumberQuestion)
	return e.decide(ctx, f, Decision{
		Text: Cut(question, MaxText), Source: Static, Asked: 1, AskUntil: now.Add(askTime), Limits: s.limits(*f, now),
	})
}

// asking asks the sender of a firing in StateAsking, or checks what the sender
// answered. going is false if the firing waits or ended, or another engine was
// first.
func (e *Engine) asking(ctx context.Context, f *Firing, s Settings) (going bool, err error) {
	switch late := e.cfg.Now().Sub(f.AskUntil); {
	case late >= 0 && f.Answer == "":
		return false, e.conclude(ctx, f, Outcome{Kind: NoPhone, Reason: "no number came in time"})
	case late > resolveTime:
		return false, e.conclude(ctx, f, Outcome{Kind: NoPhone, Reason: "whatsapp did not say whose the number is"})
	case f.Answer == "":
		return e.askAndWait(ctx, f)
	}
	return e.check(ctx, f, s)
}

// askAndWait sends what asks the sender, and ends the work on the firing until
// the answer comes. going is true if it came already.
func (e *Engine) askAndWait(ctx context.Context, f *Firing) (going bool, err error) {
	scope := fmt.Sprint(f.Session, "/asked/", f.Asked)
	m := Outgoing{ID: whatsappID(scope, f.Message.Keys(Person{})[0]), To: f.Message.Sender, Text: f.Text}
	switch err := e.sendPaced(ctx, f.Account, f.Session, m); {
	case errors.Is(err, ErrNotSent):
		return false, e.conclude(ctx, f, Outcome{Kind: Failed, Reason: "whatsapp refused the question"})
	case err != nil:
		return false, e.later(ctx, f)
	}
	stands, answered, err := e.cfg.Store.Rest(context.WithoutCancel(ctx), f.ID, e.holder, f.AskUntil)
	if err != nil {
		return false, e.storeFailed("waiting for a number", err)
	}
	if answered {
		*f = stands
	}
	return answered, nil
}

// later returns an asking firing to the queue, to try the same again.
func (e *Engine) later(ctx context.Context, f *Firing) error {
	now := e.cfg.Now()
	until := now.Add(pause(now.Sub(f.DecidedAt)))
	_, err := e.keep(context.WithoutCancel(ctx), f.ID, "", Lease{Until: until})
	return err
}

// check asks WhatsApp whether the number that the sender answered with is the
// sender's. If it is, the firing goes on. If WhatsApp does not say, it is asked
// again later.
func (e *Engine) check(ctx context.Context, f *Firing, s Settings) (going bool, err error) {
	phone, err := ParsePhone(f.Answer)
	if err != nil {
		return e.wrong(ctx, f, s, noNumber)
	}
	asks := e.resolver(*f)
	if asks == nil {
		return false, e.later(ctx, f)
	}
	who, err := resolve(ctx, asks, phone)
	switch {
	case errors.Is(err, ErrPhone):
		return e.wrong(ctx, f, s, noNumber)
	case err != nil:
		return false, e.later(ctx, f)
	case who.LID == "" || who.LID != f.Message.LID:
		return e.wrong(ctx, f, s, wrongNumber)
	}
	return e.confirm(ctx, f, who)
}

// wrong says that an answer was wrong, and asks again. The third time in an hour
// it says so once more and begins an hour of silence.
func (e *Engine) wrong(ctx context.Context, f *Firing, s Settings, text string) (going bool, err error) {
	now := e.cfg.Now()
	s.Cooldown = -1 // the question was the reply that counts
	d := Decision{
		Text: text, Source: Static, Asked: f.Asked + 1, AskUntil: f.AskUntil, Kept: f.Limits,
		Limits: append(s.limits(*f, now), f.triesLimit(now)),
	}
	if f.Asked == maxWrong {
		d.Text, d.AskUntil, d.Limits = lastWords, time.Time{}, append(d.Limits, f.silenceLimit(now))
	}
	return e.decide(ctx, f, d)
}

func (f Firing) triesLimit(at time.Time) Limit {
	key := "tries/" + f.Account + "/" + f.Person.ID
	return Limit{Kind: NoPhone, Key: key, Max: maxWrong, Until: at.Add(silenceTime)}
}

func (f Firing) silenceLimit(at time.Time) Limit {
	key := "silence/" + f.Account + "/" + f.Person.ID
	return Limit{Kind: NoPhone, Key: key, Max: 1, Until: at.Add(silenceTime)}
}

// answered takes a message that fires no trigger. It is of no interest unless a
// firing has asked its sender for the number.
func (e *Engine) answered(ctx context.Context, account, session string, m Message) error {
	text := m.Card
	setDefault(&text, m.Text)
	if m.InGroup() || text == "" {
		return nil
	}
	if m.Phone != "" && m.Card == "" { // a number that is shown: most likely nobody was asked
		if utf8.RuneCountInString(text) > maxAnswerText {
			return nil
		}
		if _, err := ParsePhone(text); err != nil {
			return nil
		}
	}
	place, lease := e.admit(account)
	defer place.leave()
	f, mine, err := e.cfg.Store.Answer(ctx, Answer{
		Account: account, Session: session, Message: m, Text: Cut(text, maxAnswerText), At: e.cfg.Now(),
	}, lease)
	if err != nil {
		return e.storeFailed("storing an answer", err)
	}
	if mine {
		e.observeFiring(f)
		place.start(f, nil)
	}
	return nil
}

// questions remembers about which earlier numbers WhatsApp was asked within the
// last day. It is in memory: a restart may ask once more.
type questions struct {
	mu    sync.Mutex
	asked map[string]time.Time
}

// maxQuestions bounds the memory; beyond it, old ones are forgotten.
const maxQuestions = 10_000

func newQuestions() *questions { return &questions{asked: map[string]time.Time{}} }

// first records a question, and reports whether it is the first in a day.
func (q *questions) first(key string, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if at, ok := q.asked[key]; ok && near(at, now, sameNumber) {
		return false
	}
	if len(q.asked) >= maxQuestions {
		for key, at := range q.asked {
			if !near(at, now, sameNumber) {
				delete(q.asked, key)
			}
		}
	}
	if len(q.asked) >= maxQuestions {
		return false // WhatsApp would not like that many either
	}
	q.asked[key] = now
	return true
}
