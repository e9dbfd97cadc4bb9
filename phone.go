package pingr

import (
	"errors"
	"strings"
)

// ErrPhone means that a string cannot be a phone number.
var ErrPhone = errors.New("phone must be a number with country code, 7 to 15 digits")

// ParsePhone returns the digits of a phone number. The number may be written
// with spaces, "+", "-", "(" and ")". If s cannot be a phone number, ParsePhone
// returns [ErrPhone]: a number has 7 to 15 digits (ITU-T E.164), and a country
// code never begins with 0.
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

// PhoneJID returns the JID of a phone number's account:
// "919876543210@s.whatsapp.net".
func PhoneJID(phone string) string { return phone + "@s.whatsapp.net" }
