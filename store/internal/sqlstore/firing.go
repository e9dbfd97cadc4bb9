package sqlstore

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/heypingr/pingr"
)

// firingColumns are the columns that scanFiring reads.
const firingColumns = `id, account, state, attempt, accepted_at, body, text, decision, reply, outcome, reason, answer`

func scanFiring(row Row, f *pingr.Firing) error {
	var state, outcome string
	var attempt, accepted int64
	var body, text, decision, reply, answer []byte
	err := row.Scan(
		&f.ID, &f.Account, &state, &attempt, &accepted, &body, &text, &decision, &reply, &outcome, &f.Reason, &answer)
	if err != nil {
		return err
	}
	f.State, f.Outcome = pingr.State(state), pingr.OutcomeKind(outcome)
	f.Attempt, f.AcceptedAt = int(attempt), toTime(accepted)
	if err := readBody(body, f); err != nil {
		return fmt.Errorf("read firing %s: %w", f.ID, err)
	}
	if err := readDecision(decision, f); err != nil {
		return fmt.Errorf("read firing %s: %w", f.ID, err)
	}
	f.Message.Text, f.Text, f.Answer = string(text), string(reply), string(answer)
	return nil
}

// body encodes the part of a firing that never changes, except for the texts.
func body(f pingr.Firing) []byte {
	m, t := f.Message, f.Trigger
	r := make(record, 0, 256)
	r.string(1, f.Session)
	r.string(2, m.ID)
	r.string(3, m.Chat)
	r.string(4, m.Sender)
	r.string(5, m.Phone)
	r.string(6, m.LID)
	r.string(7, m.Type)
	r.time(8, m.Time)
	r.time(9, m.Arrived)
	r.string(10, t.ID)
	r.string(11, t.Session)
	r.string(12, t.Phrase)
	r.string(13, t.Reply)
	r.bool(14, t.Active)
	r.time(15, t.CreatedAt)
	r.time(16, t.UpdatedAt)
	r.bool(17, m.Forwarded)
	if f.Person.ID != "" {
		r.record(18, personRecord(f.Person))
	}
	r.string(19, m.Earlier)
	return r
}

func readBody(b []byte, f *pingr.Firing) error {
	m, t := &f.Message, &f.Trigger
	var inner error
	err := record(b).fields(func(field protowire.Number, v value) {
		switch field {
		case 1:
			f.Session = v.string()
		case 2:
			m.ID = v.string()
		case 3:
			m.Chat = v.string()
		case 4:
			m.Sender = v.string()
		case 5:
			m.Phone = v.string()
		case 6:
			m.LID = v.string()
		case 7:
			m.Type = v.string()
		case 8:
			m.Time = v.time()
		case 9:
			m.Arrived = v.time()
		case 10:
			t.ID = v.string()
		case 11:
			t.Session = v.string()
		case 12:
			t.Phrase = v.string()
		case 13:
			t.Reply = v.string()
		case 14:
			t.Active = v.bool()
		case 15:
			t.CreatedAt = v.time()
		case 16:
			t.UpdatedAt = v.time()
		case 17:
			m.Forwarded = v.bool()
		case 18:
			f.Person, inner = readPerson(v.bytes)
		case 19:
			m.Earlier = v.string()
		}
	})
	return errors.Join(err, inner)
}

// decision encodes what Decide adds to a firing, except for the text.
func decision(d pingr.Decision, limits []pingr.Limit) []byte {
	r := make(record, 0, 128)
	r.time(1, d.At)
	r.string(2, string(d.Source))
	r.int(4, int64(d.Asked))
	r.time(5, d.AskUntil)
	for _, l := range limits {
		var inner record
		inner.string(1, string(l.Kind))
		inner.string(2, l.Key)
		inner.int(3, l.Max)
		inner.time(4, l.Until)
		r.record(3, inner)
	}
	return r
}

func readDecision(b []byte, f *pingr.Firing) error {
	var inner error
	err := record(b).fields(func(field protowire.Number, v value) {
		switch field {
		case 1:
			f.DecidedAt = v.time()
		case 2:
			f.Source = pingr.Source(v.string())
		case 3:
			l, err := readLimit(v.bytes)
			if err != nil {
				inner = err
			}
			f.Limits = append(f.Limits, l)
		case 4:
			f.Asked = int(v.number)
		case 5:
			f.AskUntil = v.time()
		}
	})
	if err == nil {
		err = inner
	}
	return err
}

func readLimit(b []byte) (l pingr.Limit, err error) {
	err = record(b).fields(func(field protowire.Number, v value) {
		switch field {
		case 1:
			l.Kind = pingr.LimitKind(v.string())
		case 2:
			l.Key = v.string()
		case 3:
			l.Max = v.number
		case 4:
			l.Until = v.time()
		}
	})
	return l, err
}
