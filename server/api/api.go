// Package api holds the JSON shapes of the REST API: what its routes receive and
// return, and the error envelope. The server, the dashboard and the command line
// share them. Each shape is declared once, here.
//
// The comment above a field is its description in the OpenAPI document, and its
// example tag is its example there. The other tags are huma's: they say what the
// server checks before a handler runs.
package api

import (
	"encoding/json"
	"errors"
	"math"
	"time"
)

// A Time is a moment in UTC, in whole milliseconds. It accepts RFC 3339.
type Time struct{ time.Time }

// At returns t as the API shows it.
func At(t time.Time) Time { return Time{t.UTC()} }

// MaybeAt is like At, but returns nil, which is null, for the zero time.
func MaybeAt(t time.Time) *Time {
	if t.IsZero() {
		return nil
	}
	at := At(t)
	return &at
}

// String formats the time as the API shows it.
func (t Time) String() string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) { return json.Marshal(t.String()) }

// A Whole is a whole number of at most 32 bits. Some clients write 60 as 60.0.
type Whole int

var errWhole = errors.New("not a whole number")

// UnmarshalJSON implements json.Unmarshaler.
func (n *Whole) UnmarshalJSON(b []byte) error {
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	if f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
		return errWhole
	}
	*n = Whole(f)
	return nil
}

// A MaybeText is a text that a request may leave out, set to null, or give.
type MaybeText struct {
	Given bool
	Text  *string
}

// IsZero reports whether the text is left out.
func (m MaybeText) IsZero() bool { return !m.Given }

// MarshalJSON implements json.Marshaler.
func (m MaybeText) MarshalJSON() ([]byte, error) { return json.Marshal(m.Text) }

// UnmarshalJSON implements json.Unmarshaler.
func (m *MaybeText) UnmarshalJSON(b []byte) error {
	m.Given = true
	return json.Unmarshal(b, &m.Text)
}
