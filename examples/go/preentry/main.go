// Command preentry logs people in who type their number first: a code that is
// sent from that phone is answered by a link that logs in the browser that opens
// it. The page that waits only says how far it is.
package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/examples/go/login"
)

//go:embed page.html page.js
var pages embed.FS

func main() {
	login.Main(pages, func(site *login.Site) {
		f := flow{site}
		site.Handle("POST /start", f.start)
		site.HandlePoll()
		site.HandleLinks()
		site.OnMessage(f.answer)
	})
}

type flow struct{ *login.Site }

func (f flow) start(w http.ResponseWriter, r *http.Request) error {
	var asked struct{ Phone string }
	_ = json.NewDecoder(r.Body).Decode(&asked) // then there is no phone
	phone, err := pingr.ParsePhone(asked.Phone)
	if err != nil {
		return login.WriteJSON(w, http.StatusUnprocessableEntity, map[string]string{"error": "that is not a phone number"})
	}
	if ok, err := f.Admit(w, r); err != nil || !ok {
		return err
	}
	spelled, onWhatsApp, err := f.Resolve(r.Context(), phone)
	switch {
	case errors.Is(err, login.ErrNoAnswer):
		spelled = phone // it is asked again if the code comes from another number
	case err != nil:
		return err
	case !onWhatsApp:
		return login.WriteJSON(w, http.StatusUnprocessableEntity,
			map[string]string{"error": "that number is not on WhatsApp"})
	}
	return f.Start(w, r, login.Code{Phone: spelled})
}

// answer sends a link for a code, if it comes from the phone that was typed in.
func (f flow) answer(ctx context.Context, m login.Message) (string, error) {
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
	}
	if code.Phone != m.Phone { // perhaps another spelling of the same number
		code.Phone, _, err = f.Resolve(ctx, code.Phone)
	}
	switch {
	case errors.Is(err, login.ErrNoAnswer):
		return f.NotChecked(), nil
	case err != nil:
		return "", err
	case code.Phone != m.Phone:
		if _, err := f.End(ctx, m.Code, login.Void); err != nil {
			return "", err
		}
		return f.Wrong(ctx, m.Phone)
	case code.Status == login.Sent:
		return code.Reply, nil
	case m.Suppressed:
		return "", f.Unanswered(ctx, m)
	}
	return f.sendLink(ctx, m)
}

// sendLink makes the link before the code says that it is sent.
func (f flow) sendLink(ctx context.Context, m login.Message) (string, error) {
	token, err := f.NewLink(ctx, m.Phone, m.Code)
	if err != nil {
		return "", err
	}
	code, changed, err := f.Change(ctx, m.Code, func(c *login.Code) bool {
		if c.Status != login.Waiting {
			return false
		}
		c.Status, c.Event, c.Link = login.Sent, m.Event, token
		c.Reply = f.LinkText(token)
		return true
	})
	switch {
	case err != nil:
		return "", err
	case changed:
		return code.Reply, nil
	}
	// Meanwhile the code was ended, or the phone sent it twice.
	if _, _, err := f.State.Take(ctx, "login:link:"+token); err != nil {
		return "", err
	}
	return f.answer(ctx, m)
}
