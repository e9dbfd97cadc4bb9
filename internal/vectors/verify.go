package main

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/heypingr/pingr"
)

// Parts of the errors' texts, the same in every language.
const (
	badForm    = "64 lowercase hex"
	badMissing = "x-pingr-signature is missing"
	badSecret  = "no secret is given"
	badMatch   = "does not match"
	badObject  = "not a JSON object"
	badEvent   = "not an event"
	badInteger = "not an integer"
	noStamp    = "no timestamp"
	tooOld     = "5 minutes old"
	tooEarly   = "5 minutes ahead"
)

const (
	secret = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=" //nolint:gosec // of the vectors alone
	good   = `{"event":"message.received","session_id":"sess_abc123",` +
		`"from":{"phone":"919876543210","jid":"919876543210@s.whatsapp.net","is_group":false,"group_jid":null},` +
		`"message":{"text":"login X4K9MQ","type":"text","id":"3EB0","timestamp":1714825319000},"timestamp":1714825320000,` +
		`"id":"evt_1","trigger":{"id":"trg_1","phrase":"login"},"auto_reply":{"status":"pending"}}`
)

func verifyCases() []verifyCase {
	var cases []verifyCase
	for _, part := range [][]verifyCase{
		documentedBodies(), oddBodies(), hugeBodies(), timestamps(), headers(), secrets(), rotations(), changedBodies(),
	} {
		cases = append(cases, part...)
	}
	return cases
}

// signed is a case whose signature is right.
func signed(name, body, problem string) verifyCase {
	return verifyCase{
		Name: name, Secrets: []string{secret}, Signature: pingr.Sign([]byte(body), secret), Error: problem,
	}.withBody(body)
}

func documentedBodies() []verifyCase {
	bodies := []struct{ name, body string }{
		{"a message", good},
		{
			"a message in a group",
			`{"event":"message.received","session_id":"sess_1","from":{"phone":"919876543210","jid":"919876543210@s.whatsapp.net","is_group":true,"group_jid":"120363041234567890@g.us","lid":"123456789012345@lid"},"message":{"text":"login","type":"text"},"timestamp":1714825320000}`,
		},
		{
			"a message of a person whose number another had before",
			`{"event":"message.received","session_id":"sess_1","from":{"phone":"919876543210","jid":"919876543210@s.whatsapp.net","is_group":false,"group_jid":null,"lid":"123456789012345@lid","person":"per_1","phone_since":1714738920000},"message":{"text":"login","type":"text"},"timestamp":1714825320000}`,
		},
		{
			"a message of a person whose number is hidden",
			`{"event":"message.received","session_id":"sess_1","from":{"phone":null,"jid":"123456789012345@lid","is_group":false,"group_jid":null,"lid":"123456789012345@lid","person":"per_1"},"message":{"text":"login","type":"text"},"timestamp":1714825320000}`,
		},
		{
			"a message without our additions",
			`{"event":"message.received","session_id":"sess_abc123","from":{"phone":"919876543210","jid":"919876543210@s.whatsapp.net","is_group":false,"group_jid":null},"message":{"text":"hey login","type":"text"},"timestamp":1714825320000}`,
		},
		{
			"a message in cooldown",
			`{"event":"message.received","session_id":"s","message":{"text":"login","type":"text"},"timestamp":1714825320000,"auto_reply":{"status":"suppressed","reason":"cooldown","retry_after":47}}`,
		},
		{
			"a message over quota",
			`{"event":"message.received","session_id":"s","message":{"text":"login","type":"text"},"timestamp":1714825320000,"auto_reply":{"status":"suppressed","reason":"quota"}}`,
		},
		{
			"a simulated message",
			`{"event":"message.received","session_id":"s","message":{"text":"login","type":"text"},"timestamp":1714825320000,"_simulated":true}`,
		},
		{
			"a session logged out",
			`{"event":"session.disconnected","session_id":"s","reason":401,"kind":"terminal","timestamp":1714825320000,"id":"evt_2"}`,
		},
		{
			"a session banned for a time",
			`{"event":"session.disconnected","session_id":"s","reason":402,"kind":"terminal","expires_at":1714911720000,"timestamp":1714825320000,"id":"evt_3"}`,
		},
		{
			"a session out of reach",
			`{"event":"session.disconnected","session_id":"s","kind":"transient","timestamp":1714825320000,"id":"evt_4"}`,
		},
		{"a session back", `{"event":"session.connected","session_id":"s","timestamp":1714825320000,"id":"evt_5"}`},
		{"an event of the future", `{"event":"session.renamed","session_id":"s","name":"x","timestamp":1714825320000}`},
		{
			"fields of the future",
			`{"event":"message.received","from":{"phone":"1","verified":[true]},"new":{"a":[1,2,{"b":null}]},"timestamp":1714825320000}`,
		},
	}
	var cases []verifyCase
	for _, b := range bodies {
		cases = append(cases, signed(b.name, b.body, ""))
	}
	return cases
}

func oddBodies() []verifyCase {
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	bodies := []struct{ name, body, problem string }{
		{"an empty body", "", badObject},
		{"only space", " \t\r\n ", badObject},
		{"one NUL", "\x00", badObject},
		{"NULs", strings.Repeat("\x00", 64), badObject},
		{"a NUL in front", "\x00" + good, badObject},
		{"a NUL behind", good + "\x00", badEvent},
		{"a NUL in a string", `{"timestamp":1714825320000,"x":"` + "\x00" + `"}`, badEvent},
		{"an escaped NUL in a string", `{"timestamp":1714825320000,"x":"\u0000"}`, ""},
		{"a raw tab in a string", `{"timestamp":1714825320000,"x":"` + "\t" + `"}`, badEvent},
		{"DEL in a string", `{"timestamp":1714825320000,"x":"` + "\x7f" + `"}`, ""},
		{"a byte that is never UTF-8", "\xff", badObject},
		{"invalid UTF-8 in a string", `{"timestamp":1714825320000,"x":"` + "\xff" + `"}`, badEvent},
		{"a cut UTF-8 sequence", `{"timestamp":1714825320000,"x":"` + "\xe2\x82" + `"}`, badEvent},
		{"an overlong slash", `{"timestamp":1714825320000,"x":"` + "\xc0\xaf" + `"}`, badEvent},
		{"a surrogate in UTF-8", `{"timestamp":1714825320000,"x":"` + "\xed\xa0\x80" + `"}`, badEvent},
		{"beyond Unicode in UTF-8", `{"timestamp":1714825320000,"x":"` + "\xf4\x90\x80\x80" + `"}`, badEvent},
		{"Latin-1", `{"timestamp":1714825320000,"x":"caf` + "\xe9" + `"}`, badEvent},
		{"invalid UTF-8 as a key", `{"timestamp":1714825320000,"` + "\xff" + `":1}`, badEvent},
		{"UTF-16", "{\x00\"\x00a\x00\"\x00:\x001\x00}\x00", badEvent},
		{"a byte order mark", "\xef\xbb\xbf" + good, badObject},
		{"all bytes", allBytes(), badObject},
		{"German", `{"timestamp":1714825320000,"message":{"text":"Grüße, ß"}}`, ""},
		{"Hindi", `{"timestamp":1714825320000,"message":{"text":"लॉगिन X4K9MQ"}}`, ""},
		{"Arabic, right to left", `{"timestamp":1714825320000,"message":{"text":"تسجيل ` + "\u200f" + `X4"}}`, ""},
		{"emoji of several code points", `{"timestamp":1714825320000,"message":{"text":"👨‍👩‍👧‍👦🇮🇳"}}`, ""},
		{"line separators", `{"timestamp":1714825320000,"message":{"text":"` + "\u2028\u2029" + `"}}`, ""},
		{"noncharacters", `{"timestamp":1714825320000,"message":{"text":"` + "\uffff\U0010ffff" + `"}}`, ""},
		{"escapes instead of letters", `{"\u0074imestamp":1714825320000,"x":"\ud83d\ude00\/"}`, ""},
		{"an unpaired surrogate, escaped", `{"timestamp":1714825320000,"x":"\ud83d"}`, ""},
		{
			"composed and decomposed are not the same bytes",
			`{"timestamp":1714825320000,"x":"` + "é" + `e` + "\u0301" + `"}`, "",
		},
		{"space around and within", " \t\r\n{ \"timestamp\" : 1714825320000 } \n", ""},
		{"another kind of space in front", "\u00a0" + good, badObject},
		{"a form feed in front", "\f" + good, badObject},
		{"a form feed behind", good + "\f", badEvent},
		{"a list", `[1]`, badObject},
		{"a list of an event", "[" + good + "]", badObject},
		{"null", `null`, badObject},
		{"true", `true`, badObject},
		{"a number", `1714825320000`, badObject},
		{"a string", `"timestamp"`, badObject},
		{"an event within a string", `"{\"timestamp\":1714825320000}"`, badObject},
		{"a form", `timestamp=1714825320000`, badObject},
		{"XML", `<timestamp>1714825320000</timestamp>`, badObject},
		{"broken off", `{"timestamp":1714825320000`, badEvent},
		{"broken off in a string", `{"timestamp":1714825320000,"x":"`, badEvent},
		{"only a brace", `{`, badEvent},
		{"a letter behind", good + "x", badEvent},
		{"a second object behind", good + good, badEvent},
		{"a comma too many", `{"timestamp":1714825320000,}`, badEvent},
		{"a comment", `{"timestamp":1714825320000 /* now */}`, badEvent},
		{"single quotes", `{'timestamp':1714825320000}`, badEvent},
		{"a bare key", `{timestamp:1714825320000}`, badEvent},
		{"NaN", `{"timestamp":1714825320000,"x":NaN}`, badEvent},
		{"Infinity", `{"timestamp":1714825320000,"x":Infinity}`, badEvent},
		{"minus Infinity", `{"timestamp":1714825320000,"x":-Infinity}`, badEvent},
		{"undefined", `{"timestamp":1714825320000,"x":undefined}`, badEvent},
		{"True as Python writes it", `{"timestamp":1714825320000,"x":True}`, badEvent},
		{"a leading zero", `{"timestamp":1714825320000,"x":01}`, badEvent},
		{"a plus", `{"timestamp":1714825320000,"x":+1}`, badEvent},
		{"a point without digits", `{"timestamp":1714825320000,"x":1.}`, badEvent},
		{"a point first", `{"timestamp":1714825320000,"x":.5}`, badEvent},
		{"hexadecimal", `{"timestamp":1714825320000,"x":0x10}`, badEvent},
		{"digits of another script", `{"timestamp":1714825320000,"x":१}`, badEvent},
		{"an unknown escape", `{"timestamp":1714825320000,"x":"\x41"}`, badEvent},
		{"a short escape", `{"timestamp":1714825320000,"x":"\u12"}`, badEvent},
		{"a huge number elsewhere", `{"timestamp":1714825320000,"x":123456789012345678901234567890}`, ""},
		{"a number beyond floating point elsewhere", `{"timestamp":1714825320000,"x":1e999}`, ""},
		{"a hundred lists deep", `{"timestamp":1714825320000,"x":` + deep + `}`, ""},
		{"__proto__", `{"timestamp":1714825320000,"__proto__":{"admin":true}}`, ""},
		{"an empty key", `{"timestamp":1714825320000,"":1}`, ""},
	}
	var cases []verifyCase
	for _, b := range bodies {
		cases = append(cases, signed(b.name, b.body, b.problem))
	}
	return cases
}

func allBytes() string {
	var b [256]byte
	for i := range b {
		b[i] = byte(i)
	}
	return string(b[:])
}

func hugeBodies() []verifyCase {
	bodies := []struct {
		name, problem string
		repeat
	}{
		{"a string of a megabyte", "", repeat{`{"timestamp":1714825320000,"x":"`, "a", 1 << 20, `"}`}},
		{"a quarter million emoji", "", repeat{`{"timestamp":1714825320000,"x":"`, "😀", 1 << 18, `"}`}},
		{"ten thousand fields", "", repeat{`{`, `"x":1,`, 10_000, `"timestamp":1714825320000}`}},
		{"a megabyte of space", badObject, repeat{"", " ", 1 << 20, ""}},
		{"a megabyte of NULs", badObject, repeat{"", "\x00", 1 << 20, ""}},
		{"a megabyte of braces", badEvent, repeat{"", "{", 1 << 20, ""}},
	}
	var cases []verifyCase
	for _, b := range bodies {
		c := verifyCase{Name: b.name, BodyRepeat: &b.repeat, Secrets: []string{secret}, Error: b.problem}
		c.Signature = pingr.Sign(c.body(), secret)
		cases = append(cases, c)
	}
	return cases
}

func timestamps() []verifyCase {
	const edge = 5 * 60 * 1000
	stamps := []struct{ name, timestamp, problem string }{
		{"now", at(0), ""},
		{"a millisecond ago", at(-1), ""},
		{"in a millisecond", at(1), ""},
		{"a millisecond short of 5 minutes old", at(-edge + 1), ""},
		{"5 minutes old", at(-edge), ""},
		{"a millisecond over 5 minutes old", at(-edge - 1), tooOld},
		{"a millisecond short of 5 minutes ahead", at(edge - 1), ""},
		{"5 minutes ahead", at(edge), ""},
		{"a millisecond over 5 minutes ahead", at(edge + 1), tooEarly},
		{"a day old", at(-86_400_000), tooOld},
		{"a day ahead", at(86_400_000), tooEarly},
		{"in seconds", `1714825320`, tooOld},
		{"in microseconds", `1714825320000000`, tooEarly},
		{"one", `1`, tooOld},
		{"negative", `-1714825320000`, tooOld},
		{"of 64 bits", `9223372036854775807`, tooEarly},
		{"of 64 bits, negative", `-9223372036854775808`, tooOld},
		{"zero", `0`, noStamp},
		{"null", `null`, noStamp},
		{"a string", `"1714825320000"`, badInteger},
		{"an empty string", `""`, badInteger},
		{"a date", `"2024-05-04T12:22:00.000Z"`, badInteger},
		{"a fraction", `1714825320000.5`, badInteger},
		{"a small fraction", `1714825320000.001`, badInteger},
		{"a whole number with a point", `1714825320000.0`, ""},
		{"a whole number with an exponent", `1.71482532e12`, ""},
		{"a whole number with a negative exponent", `17148253200000e-1`, ""},
		{"5 minutes old with a point", at(-edge) + ".0", ""},
		{"a millisecond over, with a point", at(-edge-1) + ".0", tooOld},
		{"beyond all bounds", `1e300`, badInteger},
		{"below all bounds", `-1e300`, badInteger},
		{"beyond floating point", `1e400`, badInteger},
		{"true", `true`, badInteger},
		{"false", `false`, badInteger},
		{"a list", `[1714825320000]`, badInteger},
		{"an object", `{"ms":1714825320000}`, badInteger},
	}
	var cases []verifyCase
	for _, s := range stamps {
		cases = append(cases, signed("timestamp: "+s.name, `{"event":"message.received","timestamp":`+s.timestamp+`}`,
			s.problem))
	}
	cases = append(cases,
		signed("timestamp: missing", `{"event":"message.received"}`, noStamp),
		signed("timestamp: missing in an empty object", `{}`, noStamp),
		signed("timestamp: only the message's", `{"event":"message.received","message":{"timestamp":1714825320000}}`,
			noStamp),
		signed("timestamp: under another name", `{"time_stamp":1714825320000}`, noStamp),
		signed("timestamp: twice, the last is good", `{"timestamp":1,"timestamp":1714825320000}`, ""),
		signed("timestamp: twice, the last is old", `{"timestamp":1714825320000,"timestamp":1}`, tooOld),
	)
	unchecked := []struct{ name, body, problem string }{
		{"old", `{"timestamp":1}`, ""},
		{"ahead", `{"timestamp":1e15}`, ""},
		{"missing", `{"event":"message.received"}`, ""},
		{"null", `{"timestamp":null}`, ""},
		{"a string", `{"timestamp":"1714825320000"}`, ""},
		{"a time in words", `{"timestamp":"2024-05-04T12:22:00Z"}`, ""},
		{"a fraction", `{"timestamp":0.5}`, ""},
		{"an object", `{"timestamp":{"ms":1}}`, ""},
		{"true", `{"timestamp":true}`, ""},
		{"not an object", `[]`, badObject},
		{"not JSON", `{"timestamp"}`, badEvent},
	}
	for _, u := range unchecked {
		c := signed("timestamp not checked: "+u.name, u.body, u.problem)
		c.SkipTimestamp = true
		cases = append(cases, c)
	}
	wrong := signed("timestamp not checked: the signature is, all the same", good, badMatch)
	wrong.SkipTimestamp, wrong.Signature = true, pingr.Sign([]byte(good), "another")
	return append(cases, wrong)
}

func at(off int64) string { return strconv.FormatInt(now+off, 10) }

func headers() []verifyCase {
	right := pingr.Sign([]byte(good), secret)
	digits := strings.TrimPrefix(right, "sha256=")
	standard := base64.StdEncoding.EncodeToString([]byte(digits)[:32])
	forms := []struct{ name, signature, problem string }{
		{"as it should be", right, ""},
		{"empty", "", badMissing},
		{"a space", " ", badForm},
		{"only the prefix", "sha256=", badForm},
		{"all capitals", strings.ToUpper(right), badForm},
		{"capital digits", "sha256=" + strings.ToUpper(digits), badForm},
		{"one capital digit", "sha256=" + oneCapital(digits), badForm},
		{"a capital prefix", "SHA256=" + digits, badForm},
		{"a title-case prefix", "Sha256=" + digits, badForm},
		{"no prefix", digits, badForm},
		{"no equals sign", "sha256" + digits, badForm},
		{"a colon", "sha256:" + digits, badForm},
		{"two equals signs", "sha256==" + digits, badForm},
		{"a space after the prefix", "sha256= " + digits, badForm},
		{"a space before the equals sign", "sha256 =" + digits, badForm},
		{"a space in front", " " + right, badForm},
		{"a space behind", right + " ", badForm},
		{"a line feed behind", right + "\n", badForm},
		{"a carriage return and line feed behind", right + "\r\n", badForm},
		{"a line feed in front", "\n" + right, badForm},
		{"a NUL behind", right + "\x00", badForm},
		{"a tab behind", right + "\t", badForm},
		{"one digit short", right[:len(right)-1], badForm},
		{"two digits short", right[:len(right)-2], badForm},
		{"half", right[:7+32], badForm},
		{"one digit long", right + "0", badForm},
		{"two digits long", right + "00", badForm},
		{"twice", right + right, badForm},
		{"twice with a comma", right + ", " + right, badForm},
		{"in quotes", `"` + right + `"`, badForm},
		{"a letter beyond f", right[:len(right)-1] + "g", badForm},
		{"full-width digits", "sha256=" + strings.Repeat("０", 64), badForm},
		{"digits of another script", "sha256=" + strings.Repeat("०", 64), badForm},
		{"an O for a zero", "sha256=" + strings.Repeat("O", 64), badForm},
		{"base64", "sha256=" + standard, badForm},
		{"Standard Webhooks", "v1," + standard, badForm},
		{"SHA-1", "sha1=" + digits[:40], badForm},
		{"SHA-512", "sha512=" + digits + digits, badForm},
		{"MD5", "md5=" + digits[:32], badForm},
		{"another algorithm of the same length", "sha3256=" + digits, badForm},
		{"version and time as others write it", "t=1714825320,v1=" + digits, badForm},
		{"a word", "none", badForm},
		{"null", "null", badForm},
		{"zeros", "sha256=" + strings.Repeat("0", 64), badMatch},
		{"fs", "sha256=" + strings.Repeat("f", 64), badMatch},
		{"the first digit changed", "sha256=" + turn(digits, 0), badMatch},
		{"a digit in the middle changed", "sha256=" + turn(digits, 31), badMatch},
		{"the last digit changed", "sha256=" + turn(digits, 63), badMatch},
		{"backwards", "sha256=" + backwards(digits), badMatch},
		{"the plain hash of the body", "sha256=" + plainHash(good), badMatch},
	}
	var cases []verifyCase
	for _, f := range forms {
		c := signed("header: "+f.name, good, f.problem)
		c.Signature = f.signature
		cases = append(cases, c)
	}
	return cases
}
