package pingr

import (
	"fmt"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"unicode/utf8"
)

// A PanicError is the error of a [Dispatcher] that panicked. Its text leaves the
// value out, because the value may contain what must not be logged.
type PanicError struct {
	Value any    // what it panicked with
	Stack []byte // of its goroutine, as [debug.Stack] prints it
}

func (*PanicError) Error() string { return "dispatcher panicked" }

// remote is a Dispatcher with an endpoint. Its errors are the endpoint's, which
// the delivery log shows. Those of other Dispatchers are the program's own.
type remote interface{ Endpoint() string }

// guard calls a Dispatcher. It logs a panic and turns it into a [*PanicError].
func (e *Engine) guard(event Event, dispatch func() error) (err error) {
	panicking := true // still so after runtime.Goexit, which recover does not see
	defer func() {
		v := recover()
		if !panicking {
			return
		}
		err = &PanicError{Value: v, Stack: debug.Stack()}
		value := fmt.Sprintf("%T", v)
		if known, ok := v.(runtime.Error); ok {
			value = redact(known.Error(), event)
		}
		e.cfg.Log.Error("the dispatcher panicked",
			append(whichEvent(event), "panic", value, "stack", string(debug.Stack()))...)
	}()
	err = dispatch()
	panicking = false
	return err
}

// logFailure logs the error of a Dispatcher that is part of the program. Nothing
// else shows it: the person gets the static reply.
func (e *Engine) logFailure(to Dispatcher, event Event, err error) {
	if _, elsewhere := to.(remote); err == nil || elsewhere {
		return
	}
	if _, logged := err.(*PanicError); logged { //nolint:errorlint // an own panic, not one that it returned
		return
	}
	e.cfg.Log.Warn("the dispatcher failed", append(whichEvent(event), "error", failure(to, event, err))...)
}

func whichEvent(e Event) []any {
	return []any{
		"event_id", e.ID, "event", string(e.Type), "account", e.Account, "session", e.Session, "attempt", e.Attempt,
	}
}

// failure is the text of a Dispatcher's error, fit to be logged.
func failure(to Dispatcher, event Event, err error) string {
	if _, elsewhere := to.(remote); elsewhere {
		return err.Error()
	}
	return redact(err.Error(), event)
}

const (
	maxFailure = 500 // characters of an error that are kept
	// leastDigits is how many digits at the end of a number tell whose it is, in
	// whatever form a program writes it.
	leastDigits = 7
	leastWord   = 4 // shorter words tell nothing of a person
)

var (
	digitRuns = regexp.MustCompile(`\d[\d ().-]{5,}\d`)
	wordRuns  = regexp.MustCompile(`[\pL\pN\pM]+`)
	noDigits  = regexp.MustCompile(`\D`)
)

// redact leaves out of a program's error what it may say of the event's person:
// numbers and ids in any form, and the words of the message except the
// trigger's. A login code is such a word.
func redact(text string, e Event) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	if utf8.RuneCountInString(text) > maxFailure {
		text = string([]rune(text)[:maxFailure]) + "…"
	}
	if e.From != nil {
		text = redactNumbers(text, *e.From)
	}
	if e.Message == nil {
		return text
	}
	secret := map[string]bool{}
	for _, word := range wordRuns.FindAllString(e.Message.Text, -1) {
		secret[Normalize(word)] = utf8.RuneCountInString(word) >= leastWord
	}
	if e.Trigger != nil {
		for _, word := range wordRuns.FindAllString(e.Trigger.Phrase, -1) {
			delete(secret, Normalize(word))
		}
	}
	return wordRuns.ReplaceAllStringFunc(text, func(word string) string {
		if secret[Normalize(word)] {
			return "…"
		}
		return word
	})
}

func redactNumbers(text string, from From) string {
	ids := []string{from.Phone, from.JID, from.LID}
	if from.GroupJID != nil {
		ids = append(ids, *from.GroupJID)
	}
	return digitRuns.ReplaceAllStringFunc(text, func(run string) string {
		digits := noDigits.ReplaceAllString(run, "")
		for _, id := range ids {
			id, _, _ = strings.Cut(id, "@")
			id = noDigits.ReplaceAllString(id, "")
			if len(id) >= leastDigits && strings.Contains(digits, id[len(id)-leastDigits:]) {
				return "…"
			}
		}
		return run
	})
}
