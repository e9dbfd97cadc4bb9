package sqlstore

import (
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// A record is the rarely read part of a row, in the wire format of protocol
// buffers. It is small, accepts any bytes in strings, and can be read by
// versions that know fewer or more fields. Empty strings, zero numbers and zero
// times are left out.
type record []byte

func (r *record) string(field protowire.Number, s string) {
	if s != "" {
		*r = protowire.AppendString(protowire.AppendTag(*r, field, protowire.BytesType), s)
	}
}

func (r *record) int(field protowire.Number, n int64) {
	if n != 0 {
		*r = protowire.AppendVarint(protowire.AppendTag(*r, field, protowire.VarintType), protowire.EncodeZigZag(n))
	}
}

func (r *record) bool(field protowire.Number, b bool) {
	if b {
		r.int(field, 1)
	}
}

// time differs from int in that zero is the zero Time, not 1970.
func (r *record) time(field protowire.Number, t time.Time) {
	if !t.IsZero() {
		tagged := protowire.AppendTag(*r, field, protowire.VarintType)
		*r = protowire.AppendVarint(tagged, protowire.EncodeZigZag(t.UnixMilli()))
	}
}

func (r *record) record(field protowire.Number, inner record) {
	*r = protowire.AppendBytes(protowire.AppendTag(*r, field, protowire.BytesType), inner)
}

// A value is a field of a record, in the type in which it was written.
type value struct {
	bytes  []byte
	number int64
}

func (v value) string() string  { return string(v.bytes) }
func (v value) bool() bool      { return v.number != 0 }
func (v value) time() time.Time { return toTime(v.number) }

// fields calls each for every field of the record.
func (r record) fields(each func(field protowire.Number, v value)) error {
	for len(r) > 0 {
		field, kind, n := protowire.ConsumeTag(r)
		if n < 0 {
			return protowire.ParseError(n)
		}
		r = r[n:]
		var v value
		switch kind {
		case protowire.VarintType:
			var u uint64
			u, n = protowire.ConsumeVarint(r)
			v.number = protowire.DecodeZigZag(u)
		case protowire.BytesType:
			v.bytes, n = protowire.ConsumeBytes(r)
		default:
			n = protowire.ConsumeFieldValue(field, kind, r)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		r = r[n:]
		each(field, v)
	}
	return nil
}
