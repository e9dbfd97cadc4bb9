// Command desktop logs a browser in with a phone beside it. The page shows a
// code as QR, the phone sends it and gets six digits, which the person types on
// the page.
package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"

	"rsc.io/qr"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/examples/go/login"
)

//go:embed page.html page.js
var pages embed.FS

func main() {
	login.Main(pages, func(site *login.Site) {
		f := flow{site}
		site.Handle("POST /start", func(w http.ResponseWriter, r *http.Request) error {
			if ok, err := f.Admit(w, r); err != nil || !ok {
				return err
			}
			return f.Start(w, r, login.Code{Device: login.Device(r.UserAgent())})
		})
		site.Handle("GET /qr.png", f.qr)
		site.HandlePoll()
		site.Handle("POST /digits", f.digits)
		site.OnMessage(f.answer)
	})
}

type flow struct{ *login.Site }

// qr draws the link that opens WhatsApp with this browser's code filled in.
func (f flow) qr(w http.ResponseWriter, r *http.Request) error {
	code, ok, err := f.PollCode(r)
	if err != nil {
		return err
	}
	if !ok {
		http.NotFound(w, r)
		return nil
	}
	drawn, err := qr.Encode(pingr.LoginLink(f.Number, "login "+code), qr.M)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/png")
	_, _ = w.Write(drawn.PNG()) //nolint:gosec // a picture; its reader may be gone
	return nil
}

const maxTries = 3

// digits logs the waiting browser in, after what only the phone received was
// typed in it. For some seconds the same browser may type the digits again.
func (f flow) digits(w http.ResponseWriter, r *http.Request) error {
	var typed struct{ Digits string }
	_ = json.NewDecoder(r.Body).Decode(&typed) // then they are wrong
	pending, _, err := f.PollCode(r)
	if err != nil {
		return err
	}
	step := login.DigitsStep(pending)
	for {
		code, value, err := f.Code(r.Context(), pending)
		if err != nil {
			return err
		}
		was := code.Status
		if (was != login.Asked && was != login.Done) || code.Tries >= maxTries {
			return over(w, was)
		}
		right := subtle.ConstantTimeCompare([]byte(typed.Digits), []byte(code.Digits)) == 1
		if right && was == login.Done {
			return f.repeat(w, r, step)
		}
		if right {
			code.Status = login.Done
		} else if code.Tries++; code.Tries >= maxTries && was == login.Asked {
			code.Status = login.Void
		}
		change, err := login.ChangeCode(pending, value, code)
		if err != nil {
			return err
		}
		var changed bool
		if right {
			changed, err = f.Begin(w, r, code.Phone, step, change)
		} else {
			changed, err = f.State.Commit(r.Context(), change)
		}
		switch {
		case err != nil:
			return err
		case !changed: // somebody else was faster
		case right:
			return login.WriteJSON(w, http.StatusOK, map[string]any{"status": login.Done})
		case code.Status == login.Asked:
			return login.WriteJSON(w, http.StatusForbidden, map[string]any{
				"status": login.Asked, "tries_left": maxTries - code.Tries,
			})
		default:
			return over(w, code.Status)
		}
	}
}

func (f flow) repeat(w http.ResponseWriter, r *http.Request, step string) error {
	repeated, err := f.Repeat(w, r, step)
	switch {
	case err != nil:
		return err
	case !repeated:
		return over(w, login.Done)
	}
	return login.WriteJSON(w, http.StatusOK, map[string]any{"status": login.Done})
}

// over answers digits for a code that is not asked.
func over(w http.ResponseWriter, status login.Status) error {
	if status == login.None {
		status = "none"
	}
	return login.WriteJSON(w, http.StatusGone, map[string]any{"status": status})
}

// answer sends the digits to the phone that sent a code, and says what they are
// for.
func (f flow) answer(ctx context.Context, m login.Message) (string, error) {
	if m.No {
		return f.refuse(ctx, m)
	}
	if m.Code == "" {
		return f.Where(), nil
	}
	if blocked, err := f.Blocked(ctx, m.Phone); err != nil || blocked {
		return "", err
	}
	code, _, err := f.Code(ctx, m.Code)
	switch {
	case err != nil:
		return "", err
	case !code.Status.Pending():
		return f.Wrong(ctx, m.Phone)
	case m.Forwarded:
		_, err := f.End(ctx, m.Code, login.Void)
		return f.ForwardedText(), err
	case code.Status == login.Asked && code.Phone != m.Phone:
		_, err := f.End(ctx, m.Code, login.Void)
		return f.NotValid(), err
	case code.Status == login.Asked:
		return code.Reply, nil
	case m.Suppressed:
		return "", f.Unanswered(ctx, m)
	}
	return f.ask(ctx, m)
}

// ask makes the digits. One step marks the phone as asked about this code,
// marks the code as asked, and voids the earlier code, so that NO has one
// meaning. Otherwise two codes sent at once would both stay open, and NO would
// end only one.
func (f flow) ask(ctx context.Context, m login.Message) (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", err
	}
	digits := fmt.Sprintf("%06d", n)
	for {
		code, value, err := f.Code(ctx, m.Code)
		if err != nil {
			return "", err
		}
		if code.Status != login.Waiting {
			return f.answer(ctx, m) // it was ended in the meantime, or sent by another phone
		}
		code.Status, code.Phone, code.Event, code.Digits = login.Asked, m.Phone, m.Event, digits
		code.Reply = fmt.Sprintf("Log in to %s on %s? Then type these digits on that page:\n%s\n"+
			"They log that browser in as you. Never share them, whoever asks. Not you? Reply NO.",
			f.Name, code.Device, digits)
		_, changes, err := f.endAsked(ctx, m.Phone, m.Code, login.Void)
		if err != nil {
			return "", err
		}
		asked, err := login.ChangeCode(m.Code, value, code)
		if err != nil {
			return "", err
		}
		done, err := f.State.Commit(ctx, append(changes, asked)...)
		if err != nil || done {
			return code.Reply, err
		}
	}
}

// refuse ends the code that the phone is asked about.
func (f flow) refuse(ctx context.Context, m login.Message) (string, error) {
	for {
		code, changes, err := f.endAsked(ctx, m.Phone, "", login.Refused)
		switch {
		case err != nil:
			return "", err
		case code.Status == login.Done:
			return fmt.Sprintf("Too late: the digits were already entered on %s. If that was not you, tell %s at once.",
				code.Device, f.Name), nil
		}
		done, err := f.State.Commit(ctx, changes...)
		if err != nil || done {
			return "Nobody was logged in.", err
		}
	}
}

// endAsked returns the code that a phone is asked about, and the changes that
// end it, if possible, and point the phone to the next code, or to none.
func (f flow) endAsked(ctx context.Context, phone, next string, with login.Status) (login.Code, []login.Change, error) {
	asks := "login:asks:" + phone
	name, _, err := f.State.Get(ctx, asks)
	if err != nil {
		return login.Code{}, nil, err
	}
	changes := []login.Change{{Key: asks, Old: name, New: next, Life: f.CodeLife}}
	if name == "" || name == next {
		return login.Code{}, changes, nil
	}
	code, value, err := f.Code(ctx, name)
	if err != nil || code.Status != login.Asked || code.Phone != phone {
		return code, changes, err
	}
	ended := code
	ended.Status = with
	change, err := login.ChangeCode(name, value, ended)
	return code, append(changes, change), err
}
