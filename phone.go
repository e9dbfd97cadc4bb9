package pingr

import (
	"errors"
	"strings"
)

// ErrPhone: what was given cannot be a phone number.
var ErrPhone = errors.New("phone must be a number with country code, 7 to 15 digits")

// ParsePhone returns the digits of a phone number that is written with spaces,
// "+", "-", "(" or ")", or [ErrPhone]. A country code never
// begins with 0, and the longest number has 15 digits (ITU-T E.164).
func ParsePhone(s string) (string, error) {
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" +-()", r) {
			return -1
		}
		return r
	}, s)
	if len(digits) < 7 || len(digits) > 15 || digits[0] == '0' || strings.Trim(digits, "0123456789") != "" {
		return "", ErrPhone
	}
	return digits, nil
}

// PhoneJID is the JID of a phone number's account: "919876543210@s.whatsapp.net".
func PhoneJID(phone string) string { return phone + "@s.whatsapp.net" }

// PhoneOf is the number in a JID, which may have a device part. ok is false for
// every other kind of JID: the digits of a LID are nobody's number.
func PhoneOf(jid string) (phone string, ok bool) {
	user, server, _ := strings.Cut(jid, "@")
	if server != "s.whatsapp.net" {
		return "", false
	}
	user, _, _ = strings.Cut(user, ":")
	phone, err := ParsePhone(user)
	return phone, err == nil && phone == user
}
