package main

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/mdp/qrterminal/v3"
	"rsc.io/qr"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/whatsapp"
)

// A linkScreen shows a person the progress of linking. On a terminal the QR
// code is redrawn in place, with a countdown. Elsewhere everything is printed
// once. With JSON, each change is a line on stdout instead. It is used by one
// goroutine.
type linkScreen struct {
	app  *app
	ask  linking
	look style

	state   pingr.SessionState
	detail  string
	qr      whatsapp.QR
	until   time.Time // of the code on the screen
	drawn   int       // lines that can be overwritten
	counted bool      // a countdown stands in the last of them
}

func newLinkScreen(a *app, l linking) *linkScreen {
	return &linkScreen{app: a, ask: l, look: styleOf(a.err)}
}

// linkLine is a change, as --json prints it.
type linkLine struct {
	Session   string             `json:"session"`
	State     pingr.SessionState `json:"state"`
	Detail    string             `json:"detail,omitempty"`
	QR        string             `json:"qr,omitempty"`
	Code      string             `json:"code,omitempty"`
	ExpiresAt *time.Time         `json:"expires_at,omitempty"`
	// Number has a plus, as in the sessions of the API.
	Number string `json:"number,omitempty"`
}

// change shows the session's current state.
func (s *linkScreen) change(now whatsapp.Snapshot) {
	newQR := now.QR.Code != "" && now.QR.Code != s.qr.Code && s.ask.phone == ""
	moved := now.Record.State != s.state || now.Record.Detail != s.detail
	s.state, s.detail = now.Record.State, now.Record.Detail
	if s.ask.json {
		s.print(now, newQR, moved)
	} else if moved {
		s.sayState(now)
	}
	if newQR {
		s.qr = now.QR
		s.draw()
	}
	if s.state != pingr.SessionPairing {
		s.until = time.Time{}
	}
}

func (s *linkScreen) print(now whatsapp.Snapshot, newQR, moved bool) {
	if !newQR && !moved {
		return
	}
	line := linkLine{Session: s.ask.session, State: s.state, Detail: s.detail}
	if newQR {
		at := now.QR.ExpiresAt.UTC()
		line.QR, line.ExpiresAt = now.QR.Code, &at
	}
	if s.state == pingr.SessionConnected {
		line.Number = "+" + now.Record.Phone
	}
	_ = s.app.writeJSON(line) // the reader may be gone
}

// sayState says what a state means for the person at the phone.
func (s *linkScreen) sayState(now whatsapp.Snapshot) {
	switch {
	case s.state == pingr.SessionPairing && s.ask.phone != "" && now.QR.Code == "":
		s.say("Asking WhatsApp for a code…")
	case s.state == pingr.SessionPairing && now.QR.Code == "" && s.qr.Code == "":
		s.say("Connecting to WhatsApp…")
	case s.state == pingr.SessionPairing && s.detail != "" && s.qr.Code != "":
		s.say(s.detail) // another step than scanning is needed
		if now.QR.Code == s.qr.Code {
			s.draw()
		}
	case s.state == pingr.SessionConnecting:
		s.say("The phone accepted the link. Connecting…")
	case s.state == pingr.SessionConnected:
		s.clear()
		fmt.Fprintf(s.app.out, "%s connected +%s\n", s.ask.session, now.Record.Phone)
	case s.state != pingr.SessionPairing:
		s.say(s.look.yellow(s.detail))
	}
}

// say prints a line that stays.
func (s *linkScreen) say(text string) {
	if s.ask.json || text == "" {
		return
	}
	s.clear()
	fmt.Fprintln(s.app.err, text)
}

// draw shows the QR code in place of the last one.
func (s *linkScreen) draw() {
	if s.ask.json {
		return
	}
	s.clear()
	code, lines := drawQR(s.qr.Code, s.look)
	if s.look.terminal && s.look.height > 0 && lines+4 > s.look.height {
		fmt.Fprintf(s.app.err, "The window is too small for the QR code. Make it %d lines tall, or use --phone.\n", lines+4)
	}
	fmt.Fprint(s.app.err, code)
	// Short lines: one that wraps would count twice.
	fmt.Fprintln(s.app.err, "Scan this with the number's phone:\nWhatsApp → Settings → Linked devices → Link a device.")
	s.drawn = lines + 2
	s.until = s.qr.ExpiresAt
	s.tick(time.Now())
}

// code shows a pairing code.
func (s *linkScreen) code(code string) {
	if s.ask.json {
		_ = s.app.writeJSON(linkLine{Session: s.ask.session, State: s.state, Code: code}) // the reader may be gone
		return
	}
	s.say("On the phone: WhatsApp → Settings → Linked devices → Link a device →\n" +
		"“Link with phone number instead”. Type this code within 3 minutes:\n")
	fmt.Fprintln(s.app.err, "    "+s.look.bold(code)+"\n")
	s.until = time.Now().Add(3 * time.Minute)
	s.tick(time.Now())
}

// tick advances the countdown.
func (s *linkScreen) tick(now time.Time) {
	if !s.look.terminal || s.ask.json || s.until.IsZero() {
		return
	}
	left := max(0, int(s.until.Sub(now).Seconds()))
	what := "then a new one"
	if s.ask.phone != "" {
		what = "then it expires"
	}
	fmt.Fprintf(s.app.err, "\r\x1b[K%s", s.look.faint(fmt.Sprintf("%d s, %s", left, what)))
	s.counted = true
}

// clear erases what will be overwritten.
func (s *linkScreen) clear() {
	if s.counted {
		fmt.Fprint(s.app.err, "\r\x1b[K")
		s.counted = false
	}
	if s.look.terminal && s.drawn > 0 {
		fmt.Fprintf(s.app.err, "\x1b[%dA\x1b[J", s.drawn)
	}
	s.drawn = 0
}

// end leaves the cursor at the beginning of a line.
func (s *linkScreen) end() {
	if s.counted {
		fmt.Fprintln(s.app.err)
		s.counted = false
	}
}

// drawQR draws a code in half blocks. On a terminal it is black on white
// whatever the theme, because not every phone reads inverted codes.
func drawQR(text string, look style) (drawing string, lines int) {
	var out bytes.Buffer
	qrterminal.GenerateWithConfig(text, qrterminal.Config{
		Level: qr.L, Writer: &out, HalfBlocks: true, QuietZone: 2,
		BlackChar: " ", WhiteChar: "█", BlackWhiteChar: "▄", WhiteBlackChar: "▀",
	})
	drawing = out.String()
	lines = strings.Count(drawing, "\n")
	if !look.terminal {
		return drawing, lines
	}
	var coloured strings.Builder
	for line := range strings.Lines(drawing) {
		coloured.WriteString("\x1b[38;5;231;48;5;16m" + strings.TrimRight(line, "\n") + "\x1b[0m\n")
	}
	return coloured.String(), lines
}
