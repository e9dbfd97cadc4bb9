package pingr

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Settings are an account's own choices. The zero value holds the documented
// defaults.
type Settings struct {
	// Cooldown is the least time between two messages to one number. Defaults to
	// 60 s; a negative value disables it.
	Cooldown time.Duration
	// HiddenNumbers selects what happens to people whose number WhatsApp hides.
	// Defaults to HiddenRefuse.
	HiddenNumbers HiddenNumbers
	// NoPhoneReply answers people whose number is hidden and refused. If empty,
	// they get no reply.
	NoPhoneReply string
	// NumberQuestion asks people for their number with HiddenAsk. Defaults to
	// [DefaultNumberQuestion].
	NumberQuestion string
	// GroupReply selects where a reply to a group message goes. Defaults to
	// GroupPrivate.
	GroupReply GroupReply
	// MaxMessageAge is the age beyond which a message is not answered. Defaults to
	// 300 s.
	MaxMessageAge time.Duration
	// MonthlyQuota is the number of messages per calendar month (UTC). 0 counts
	// messages without refusing any; a plan that allows overage uses it too.
	MonthlyQuota int64
	// DayEnds is when the account's current day ends. If it is not zero, the engine
	// counts the messages of each session until then, in [DayLimit]. Only
	// Config.Accounts can keep it up to date.
	DayEnds time.Time
	// Events are the types of events that the backend is told of. Defaults to all.
	// Without message.received, every reply is static.
	Events []EventType
}

// GroupReply selects what happens to a message written in a group.
type GroupReply string

const (
	// GroupPrivate answers the sender in private: a login link is nobody else's.
	GroupPrivate GroupReply = "private"
	// GroupPublic answers in the group.
	GroupPublic GroupReply = "group"
	// GroupOff makes triggers ignore messages in groups.
	GroupOff GroupReply = "off"
)

// HiddenNumbers selects what happens to a message whose sender's number WhatsApp
// hides.
type HiddenNumbers string

const (
	// HiddenRefuse tells the backend nothing, and answers with NoPhoneReply.
	HiddenRefuse HiddenNumbers = "refuse"
	// HiddenAsk asks the sender for the number, and goes on if WhatsApp says that
	// the number is the sender's.
	HiddenAsk HiddenNumbers = "ask"
	// HiddenPass tells the backend without a number: From.Phone is empty. It is
	// for backends that know people by From.Person.
	HiddenPass HiddenNumbers = "pass"
)

// DefaultNumberQuestion is what people are asked by default. WhatsApp does not
// say which language they speak.
const DefaultNumberQuestion = "To sign in, answer with your phone number and its country code, " +
	"for example +49 170 1234567, or share your own contact."

// An Account is what the engine needs to know of an account while it works on
// one of its messages or events.
type Account struct {
	Settings Settings
	// Dispatcher asks the account's backend. If nil, there is none: every reply is
	// static, and events are dropped.
	Dispatcher Dispatcher
}

// wants reports whether the account's backend is told of events of a type.
func (a Account) wants(t EventType) bool {
	return a.Dispatcher != nil && (len(a.Settings.Events) == 0 || slices.Contains(a.Settings.Events, t))
}

// account returns what applies to an account now.
func (e *Engine) account(ctx context.Context, id string) (_ Account, err error) {
	defer e.survive(&err)
	if e.cfg.Accounts == nil {
		return Account{e.cfg.Settings, e.cfg.Dispatcher}, nil
	}
	a, err := e.cfg.Accounts(ctx, id)
	if err != nil {
		return Account{}, fmt.Errorf("settings: %w", err)
	}
	return a, nil
}
