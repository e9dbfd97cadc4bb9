package login

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/heypingr/pingr"
)

// A Status is how far a code has got.
type Status string

// The statuses of a code. Waiting, Sent and Asked are pending ones.
const (
	// None is no status: there is no such code.
	None Status = ""
	// Waiting codes have not been sent yet.
	Waiting Status = "waiting"
	// Sent codes were answered with a link that has not been used (preentry).
	Sent Status = "sent"
	// Asked codes were answered with digits that have not been typed (desktop).
	Asked Status = "asked"
	// Done codes logged somebody in.
	Done Status = "done"
	// Void codes log nobody in.
	Void Status = "void"
	// Refused codes were answered with NO.
	Refused Status = "refused"
)

// Pending reports whether a code may still lead to a login.
func (s Status) Pending() bool { return s == Waiting || s == Sent || s == Asked }

// A Code is what a browser shows and a phone sends.
type Code struct {
	Status Status `json:"status"`
	// Phone was typed in (preentry) or sent the code (desktop).
	Phone string `json:"phone"`
	// Device is the browser that asks, in words.
	Device string `json:"device"`
	// Digits are to be typed on the page. Tries counts the tries (desktop).
	Digits string `json:"digits"`
	Tries  int    `json:"tries"`
	// Event is the event that Reply answered.
	Event string `json:"event"`
	Reply string `json:"reply"`
	// Link is the token of the link in Reply (preentry).
	Link string `json:"link"`
	// Reason is why the phone that sent a waiting code was not answered, and
	// Until, in Unix milliseconds, when a cooldown ends.
	Reason string `json:"reason"`
	Until  int64  `json:"until"`
}

const (
	// maxStarts is how many codes an address may get in a minute.
	maxStarts = 120
	// maxWrong is how many wrong codes a phone may send before it is blocked for
	// some time.
	maxWrong = 5
)

// Admit counts a start. If the address has had too many, it answers the request
// itself and reports false.
func (s *Site) Admit(w http.ResponseWriter, r *http.Request) (bool, error) {
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false, err
	}
	n, err := s.State.Count(r.Context(), "login:starts:"+address, time.Minute)
	if err != nil || n <= maxStarts {
		return err == nil, err
	}
	return false, WriteJSON(w, http.StatusTooManyRequests,
		map[string]string{"error": "too many logins; try again in a minute"})
}

// Start gives a browser that was admitted a code to show, and a cookie to poll
// with. Knowing the code or the phone is not enough to poll.
func (s *Site) Start(w http.ResponseWriter, r *http.Request, c Code) error {
	ctx := r.Context()
	if _, err := s.endPoll(r, Void); err != nil {
		return err
	}
	code, err := s.newCode(ctx, c)
	if err != nil {
		return err
	}
	token := newToken()
	if err := s.State.Set(ctx, "login:poll:"+token, code, s.CodeLife); err != nil {
		return err
	}
	s.setCookie(w, pollCookie, token, s.CodeLife)
	if err := s.mark(ctx, w, DigitsStep(code), s.CodeLife); err != nil {
		return err
	}
	text := "login " + code
	return WriteJSON(w, http.StatusOK, map[string]any{
		"code": code, "text": text, "link": pingr.LoginLink(s.Number, text), "expires_in": int(s.CodeLife / time.Second),
	})
}

// newCode stores a code that no other browser has.
func (s *Site) newCode(ctx context.Context, c Code) (string, error) {
	c.Status = Waiting
	value, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	for {
		code := pingr.NewChallengeCode(pingr.ChallengeOptions{Length: 8})
		added, err := s.State.Add(ctx, "login:code:"+code, string(value), s.CodeLife)
		if err != nil || added {
			return code, err
		}
	}
}

// endPoll ends the pending code of a browser.
func (s *Site) endPoll(r *http.Request, with Status) (ended bool, err error) {
	code, ok, err := s.PollCode(r)
	if err != nil || !ok {
		return false, err
	}
	return s.End(r.Context(), code, with)
}

// PollCode returns the code that a browser polls for, by its cookie and nothing
// else.
func (s *Site) PollCode(r *http.Request) (code string, ok bool, err error) {
	token := s.cookie(r, pollCookie)
	if token == "" {
		return "", false, nil
	}
	return s.State.Get(r.Context(), "login:poll:"+token)
}

// Code returns a code. Its Status is None if there is no such code.
func (s *Site) Code(ctx context.Context, code string) (c Code, value string, err error) {
	value, ok, err := s.State.Get(ctx, "login:code:"+code)
	if err != nil || !ok {
		return Code{}, "", err
	}
	return c, value, json.Unmarshal([]byte(value), &c)
}

// Change changes a code in one atomic step. It calls change again if another
// change came first. If change returns false, Change returns the code as it
// stands.
func (s *Site) Change(ctx context.Context, code string, change func(*Code) bool) (_ Code, changed bool, err error) {
	for {
		was, old, err := s.Code(ctx, code)
		if err != nil || was.Status == None {
			return was, false, err
		}
		c := was
		if !change(&c) {
			return was, false, nil
		}
		value, err := json.Marshal(c)
		if err != nil {
			return was, false, err
		}
		swapped, err := s.State.Swap(ctx, "login:code:"+code, old, string(value))
		if err != nil || swapped {
			return c, swapped, err
		}
	}
}

// ChangeCode returns the Change of a code whose value is old, for steps that
// change more than the code.
func ChangeCode(code, old string, c Code) (Change, error) {
	value, err := json.Marshal(c)
	return Change{Key: "login:code:" + code, Old: old, New: string(value)}, err
}

// End makes a pending code Void or Refused, and its link with it.
func (s *Site) End(ctx context.Context, code string, with Status) (ended bool, err error) {
	c, ended, err := s.Change(ctx, code, func(c *Code) bool {
		was := c.Status
		c.Status = with
		return was.Pending()
	})
	if err == nil && ended && c.Link != "" {
		_, _, err = s.State.Take(ctx, "login:link:"+c.Link)
	}
	return ended, err
}

// Unanswered records on a waiting code why the phone that sent it gets no
// answer, for the page that waits: the chat stays silent.
func (s *Site) Unanswered(ctx context.Context, m Message) error {
	_, _, err := s.Change(ctx, m.Code, func(c *Code) bool {
		c.Reason, c.Until = m.Reason, time.Now().Add(time.Duration(m.RetryAfter)*time.Second).UnixMilli()
		return c.Status == Waiting
	})
	return err
}

// Blocked reports whether a phone has sent too many wrong codes.
func (s *Site) Blocked(ctx context.Context, phone string) (bool, error) {
	value, ok, err := s.State.Get(ctx, "login:wrong:"+phone)
	if err != nil || !ok {
		return false, err
	}
	n, err := strconv.Atoi(value)
	return n >= maxWrong, err
}

// Wrong counts a wrong code and answers it.
func (s *Site) Wrong(ctx context.Context, phone string) (string, error) {
	_, err := s.State.Count(ctx, "login:wrong:"+phone, s.BlockLife)
	return s.NotValid(), err
}

// NotValid answers a code that logs nobody in.
func (s *Site) NotValid() string {
	return "That code is not valid. Get a new one on the login page: " + s.Origin + "/"
}

// Where answers a message without a code.
func (s *Site) Where() string {
	return "To log in to " + s.Name + ", get a code here: " + s.Origin + "/"
}

// ForwardedText answers a forwarded code.
func (s *Site) ForwardedText() string {
	return "Forwarded codes are not accepted: they would log in the person who sent you the code. " +
		"Get your own here: " + s.Origin + "/"
}
