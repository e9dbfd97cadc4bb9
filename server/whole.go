package server

import (
	"encoding/json"
	"errors"
	"math"
)

// whole is a whole number as JSON knows it: 60, 60.0 and 6e1 are the same.
type whole int

var errWhole = errors.New("not a whole number")

// UnmarshalJSON implements json.Unmarshaler.
func (n *whole) UnmarshalJSON(b []byte) error {
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	if f != math.Trunc(f) || math.Abs(f) > math.MaxInt32 {
		return errWhole
	}
	*n = whole(f)
	return nil
}
