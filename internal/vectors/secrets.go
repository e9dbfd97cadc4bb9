package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/heypingr/pingr"
)

// secrets: the key is the UTF-8 of the whole string, whatever the string looks like.
func secrets() []verifyCase {
	keys := []struct{ name, secret string }{
		{"as Pingr makes them", secret},
		{"without whsec_", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
		{"only whsec_", "whsec_"},
		{"whsec_ and what is not base64", "whsec_***"},
		{"a capital prefix", "WHSEC_MDEy"},
		{"one letter", "x"},
		{"one space", " "},
		{"space around", " whsec_MDEy "},
		{"a line feed behind", secret + "\n"},
		{"umlauts and an emoji", "geheim-äöü-🔑"},
		{"decomposed", "e\u0301"},
		{"composed", "é"},
		{"a NUL within", "a\x00b"},
		{"a block long", strings.Repeat("k", 64)},
		{"longer than a block", strings.Repeat("k", 65)},
		{"a thousand letters", strings.Repeat("k", 1000)},
	}
	var cases []verifyCase
	for _, k := range keys {
		c := signed("secret: "+k.name, good, "")
		c.Secrets, c.Signature = []string{k.secret}, pingr.Sign([]byte(good), k.secret)
		cases = append(cases, c)
		c.Name, c.Error = c.Name+", of another webhook", badMatch
		c.Signature = pingr.Sign([]byte(good), k.secret+"x")
		cases = append(cases, c)
	}
	slips := []struct{ name, given, signedBy string }{
		{"given without whsec_", secret[6:], secret},
		{"signed without whsec_", secret, secret[6:]},
		{"signed with the decoded part", secret, "01234567890123456789012345678901"},
		{"given with a line feed", secret + "\n", secret},
		{"given with a space", " " + secret, secret},
		{"given in another case", strings.ToLower(secret), secret},
		{"composed for decomposed", "é", "e\u0301"},
	}
	for _, s := range slips {
		c := signed("secret: "+s.name, good, badMatch)
		c.Secrets, c.Signature = []string{s.given}, pingr.Sign([]byte(good), s.signedBy)
		cases = append(cases, c)
	}
	return cases
}

func rotations() []verifyCase {
	tests := []struct {
		name     string
		secrets  []string
		signedBy string
		problem  string
	}{
		{"the new one", []string{"new", "old"}, "new", ""},
		{"the old one", []string{"new", "old"}, "old", ""},
		{"the oldest of three", []string{"new", "old", "older"}, "older", ""},
		{"one that was retired", []string{"new", "old"}, "older", badMatch},
		{"the same twice", []string{"new", "new"}, "new", ""},
		{"both put together", []string{"new", "old"}, "newold", badMatch},
		{"both with a comma", []string{"new", "old"}, "new,old", badMatch},
		{"the old one is empty, and was used", []string{"new", ""}, "", badMatch},
		{"the old one is empty, the new one was used", []string{"new", ""}, "new", ""},
		{"an empty one between", []string{"new", "", "old"}, "old", ""},
		{"the new one is empty", []string{"", "old"}, "old", badSecret},
		{"one that is empty", []string{""}, "", badSecret},
		{"two that are empty", []string{"", ""}, "", badSecret},
	}
	var cases []verifyCase
	for _, t := range tests {
		c := signed("rotation: "+t.name, good, t.problem)
		c.Secrets, c.Signature = t.secrets, pingr.Sign([]byte(good), t.signedBy)
		cases = append(cases, c)
	}
	return cases
}

// changedBodies carry the signature of good, and look as good to a reader.
func changedBodies() []verifyCase {
	var cases []verifyCase
	for _, b := range []struct{ name, body string }{
		{"a space behind", good + " "},
		{"a line feed behind", good + "\n"},
		{"a NUL behind", good + "\x00"},
		{"a space in front", " " + good},
		{"written anew with spaces", strings.ReplaceAll(good, ":", ": ")},
		{"another phone", strings.Replace(good, "919876543210", "919876543211", 1)},
		{"another code", strings.Replace(good, "X4K9MQ", "X4K9MR", 1)},
		{
			"another order",
			strings.Replace(good, `"id":"evt_1",`, "", 1)[:len(good)-len(`"id":"evt_1",`)-1] + `,"id":"evt_1"}`,
		},
		{"a letter escaped", strings.Replace(good, "login X", `\u006cogin X`, 1)},
		{"another case", strings.Replace(good, "login X", "Login X", 1)},
		{"the last byte missing", good[:len(good)-1]},
		{"the first byte missing", good[1:]},
		{"nothing left", ""},
		{"twice", good + good},
		{"a byte order mark in front", "\xef\xbb\xbf" + good},
		{"line ends turned", strings.ReplaceAll(good, ",", ",\r\n")},
	} {
		c := signed("changed body: "+b.name, good, badMatch)
		cases = append(cases, c.withBody(b.body))
	}
	return cases
}

func oneCapital(digits string) string {
	i := strings.IndexAny(digits, "abcdef")
	return digits[:i] + strings.ToUpper(digits[i:i+1]) + digits[i+1:]
}

// turn changes one hex digit to the next.
func turn(digits string, i int) string {
	const hexDigits = "0123456789abcdef0"
	next := hexDigits[strings.IndexByte(hexDigits, digits[i])+1]
	return fmt.Sprintf("%s%c%s", digits[:i], next, digits[i+1:])
}

func backwards(s string) string {
	b := []byte(s)
	for i := range len(b) / 2 {
		b[i], b[len(b)-1-i] = b[len(b)-1-i], b[i]
	}
	return string(b)
}

func plainHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
