package sqlstore

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/heypingr/pingr"
)

// eventRecord encodes a whole event. JSON would change invalid UTF-8.
func eventRecord(e pingr.Event) []byte {
	r := make(record, 0, 256)
	r.string(1, string(e.Type))
	r.string(2, e.Session)
	r.int(3, int64(e.Reason))
	r.string(4, e.Kind)
	r.int(5, e.ExpiresAt)
	r.int(6, e.Timestamp)
	r.string(7, e.ID)
	r.bool(8, e.Simulated)
	r.string(9, e.Account)
	r.int(10, int64(e.Attempt))
	if f := e.From; f != nil {
		var inner record
		inner.string(1, f.Phone)
		inner.string(2, f.JID)
		inner.bool(3, f.Group)
		if f.GroupJID != nil {
			inner.record(4, record(*f.GroupJID))
		}
		inner.string(5, f.LID)
		inner.string(6, f.Person)
		inner.int(7, f.PhoneSince)
		r.record(11, inner)
	}
	if m := e.Message; m != nil {
		var inner record
		inner.string(1, m.Text)
		inner.string(2, m.Type)
		inner.string(3, m.ID)
		inner.int(4, m.Timestamp)
		inner.bool(5, m.Forwarded)
		r.record(12, inner)
	}
	if t := e.Trigger; t != nil {
		var inner record
		inner.string(1, t.ID)
		inner.string(2, t.Phrase)
		r.record(13, inner)
	}
	if a := e.AutoReply; a != nil {
		var inner record
		inner.string(1, a.Status)
		inner.string(2, a.Reason)
		inner.int(3, int64(a.RetryAfter))
		r.record(14, inner)
	}
	return r
}

func readEvent(b []byte) (e pingr.Event, err error) {
	var inner error
	err = record(b).fields(func(field protowire.Number, v value) {
		switch field {
		case 1:
			e.Type = pingr.EventType(v.string())
		case 2:
			e.Session = v.string()
		case 3:
			e.Reason = int(v.number)
		case 4:
			e.Kind = v.string()
		case 5:
			e.ExpiresAt = v.number
		case 6:
			e.Timestamp = v.number
		case 7:
			e.ID = v.string()
		case 8:
			e.Simulated = v.bool()
		case 9:
			e.Account = v.string()
		case 10:
			e.Attempt = int(v.number)
		default:
			inner = errors.Join(inner, readEventPart(&e, field, v.bytes))
		}
	})
	return e, errors.Join(err, inner)
}

func readEventPart(e *pingr.Event, part protowire.Number, b record) error {
	switch part {
	case 11:
		f := &pingr.From{}
		e.From = f
		return b.fields(func(field protowire.Number, v value) {
			switch field {
			case 1:
				f.Phone = v.string()
			case 2:
				f.JID = v.string()
			case 3:
				f.Group = v.bool()
			case 4:
				jid := v.string()
				f.GroupJID = &jid
			case 5:
				f.LID = v.string()
			case 6:
				f.Person = v.string()
			case 7:
				f.PhoneSince = v.number
			}
		})
	case 12:
		m := &pingr.EventMessage{}
		e.Message = m
		return b.fields(func(field protowire.Number, v value) {
			switch field {
			case 1:
				m.Text = v.string()
			case 2:
				m.Type = v.string()
			case 3:
				m.ID = v.string()
			case 4:
				m.Timestamp = v.number
			case 5:
				m.Forwarded = v.bool()
			}
		})
	case 13:
		t := &pingr.EventTrigger{}
		e.Trigger = t
		return b.fields(func(field protowire.Number, v value) {
			switch field {
			case 1:
				t.ID = v.string()
			case 2:
				t.Phrase = v.string()
			}
		})
	case 14:
		a := &pingr.AutoReply{}
		e.AutoReply = a
		return b.fields(func(field protowire.Number, v value) {
			switch field {
			case 1:
				a.Status = v.string()
			case 2:
				a.Reason = v.string()
			case 3:
				a.RetryAfter = int(v.number)
			}
		})
	}
	return nil // a field of a later version
}
