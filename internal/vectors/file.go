package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// now is the time of all cases that do not have one of their own, in Unix
// milliseconds.
const now = 1714825320000

// A vectorFile is testdata/vectors.json. Names are unique within a list.
type vectorFile struct {
	// Now is in Unix milliseconds.
	Now      int64          `json:"now"`
	Verify   []verifyCase   `json:"verify"`
	Standard []standardCase `json:"standard"`
	Extract  []extractCase  `json:"extract"`
	Create   []createCase   `json:"create"`
	Link     []linkCase     `json:"link"`
	Phone    []phoneCase    `json:"phone"`
}

// A verifyCase is one call of the verifier. Exactly one of the bodies is set.
type verifyCase struct {
	Name       string  `json:"name"`
	Body       *string `json:"body,omitempty"`
	BodyBase64 string  `json:"body_base64,omitempty"` // what is not UTF-8
	BodyRepeat *repeat `json:"body_repeat,omitempty"` // what is huge
	Signature  string  `json:"signature"`
	// Secrets are the secret and those accepted beside it.
	Secrets       []string `json:"secrets"`
	SkipTimestamp bool     `json:"skip_timestamp,omitempty"`
	// Error is part of the error's text; empty: accepted.
	Error string `json:"error,omitempty"`
}

// A repeat is Before, then Times times Unit, then After.
type repeat struct {
	Before string `json:"before"`
	Unit   string `json:"unit"`
	Times  int    `json:"times"`
	After  string `json:"after"`
}

// body is the case's body, byte for byte.
func (c verifyCase) body() []byte {
	switch r := c.BodyRepeat; {
	case r != nil:
		return []byte(r.Before + strings.Repeat(r.Unit, r.Times) + r.After)
	case c.Body != nil:
		return []byte(*c.Body)
	}
	raw, _ := base64.StdEncoding.DecodeString(c.BodyBase64) // written by withBody
	return raw
}

func (c verifyCase) withBody(body string) verifyCase {
	c.Body, c.BodyBase64 = &body, ""
	if !utf8.ValidString(body) {
		c.Body, c.BodyBase64 = nil, base64.StdEncoding.EncodeToString([]byte(body))
	}
	return c
}

// A standardCase is a request as Pingr sends it, for any verifier of Standard
// Webhooks 1.0 at the time Now, in Unix milliseconds.
type standardCase struct {
	Name    string            `json:"name"`
	Now     int64             `json:"now"`
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// An extractCase is one text that may contain a challenge code. TextJSON, if set, is the text written
// in JSON, for texts that Go strings cannot hold.
type extractCase struct {
	Name     string  `json:"name"`
	Text     string  `json:"text"`
	TextJSON string  `json:"text_json,omitempty"`
	Trigger  string  `json:"trigger"`
	Code     *string `json:"code"` // null: none
}

// A createCase gives the length and characters of a code for its options. Absent options have their
// defaults.
type createCase struct {
	Name       string `json:"name"`
	Length     *int   `json:"length,omitempty"`
	Charset    string `json:"charset,omitempty"`
	WantLength int    `json:"want_length"` // in code points
	WantFrom   string `json:"want_from"`
}

// A linkCase is one login link.
type linkCase struct {
	Name     string `json:"name"`
	Number   string `json:"number"`
	Text     string `json:"text"`
	TextJSON string `json:"text_json,omitempty"`
	Link     string `json:"link"`
}

// A phoneCase is what somebody typed or pasted as a phone number.
type phoneCase struct {
	Name  string  `json:"name"`
	Text  string  `json:"text"`
	Phone *string `json:"phone"` // null: none
}

// textOf returns the text, or the value of its JSON.
func textOf(text, textJSON string) string {
	if textJSON != "" {
		_ = json.Unmarshal([]byte(textJSON), &text) // written in the tables
	}
	return text
}

func build() (vectorFile, error) {
	standard, err := standardCases()
	return vectorFile{
		Now:      now,
		Verify:   verifyCases(),
		Standard: standard,
		Extract:  append(extractCases(), characterCases()...),
		Create:   createCases(),
		Link:     linkCases(),
		Phone:    phoneCases(),
	}, err
}

// encode writes one case a line, so that a diff shows what changed.
func (f vectorFile) encode() []byte {
	var b bytes.Buffer
	b.WriteString("{\n\"now\": ")
	b.Write(compact(f.Now))
	list(&b, "verify", f.Verify)
	list(&b, "standard", f.Standard)
	list(&b, "extract", f.Extract)
	list(&b, "create", f.Create)
	list(&b, "link", f.Link)
	list(&b, "phone", f.Phone)
	b.WriteString("\n}\n")
	return b.Bytes()
}

func list[T any](b *bytes.Buffer, name string, cases []T) {
	b.WriteString(",\n\"" + name + "\": [")
	for i, c := range cases {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n  ")
		b.Write(compact(c))
	}
	b.WriteString("\n]")
}

func compact(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // plain values
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
