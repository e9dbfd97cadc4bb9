package pingr

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An answerCase is a 2xx answer of a real endpoint, and its outcome.
type answerCase struct {
	name    string
	status  int    // 0 is 200
	headers string // "Name: value", separated by "; " would be a type's parameter, so by newlines
	body    string
	want    string  // the reply that arrives
	why     NoReply // or why none does; with neither, the endpoint says nothing on purpose
}

const hi = `{"reply":"hi"}`

// zipped is {"reply":"hi"} through gzip.
const zipped = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xabV*J-\xc8\xa9T\xb2R\xca\xc8T\xaa\x05\x00\xd6\xf3\x0f\xfd\x0e\x00\x00\x00"

// answerCases are the mistakes that frameworks, proxies and people make, and answers that are correct.
var answerCases = []answerCase{
	{name: "as documented", body: hi, want: "hi"},
	{name: "201 with other fields", status: 201, body: `{"a":[1],"reply":"hi","b":null}`, want: "hi"},
	{name: "a charset", headers: "Content-Type: Application/JSON; charset=UTF-8", body: hi, want: "hi"},
	{
		name: "a space in front of the charset", headers: "Content-Type: application/json ; charset=utf-8", body: hi,
		want: "hi",
	},
	{name: "a broken parameter", headers: "Content-Type: application/json; charset", body: hi, want: "hi"},
	{
		name: "a charset that is not UTF-8's name", headers: "Content-Type: application/json; charset=iso-8859-1",
		body: hi, want: "hi",
	},
	{name: "Content-Encoding: identity", headers: "Content-Encoding: identity", body: hi, want: "hi"},
	{name: "Content-Encoding: none", headers: "Content-Encoding: none", body: hi, want: "hi"},
	{name: "Content-Encoding: UTF-8", headers: "Content-Encoding: UTF-8", body: hi, want: "hi"},
	{
		name: "Content-Encoding: utf8, twice", headers: "Content-Encoding: utf8\nContent-Encoding: utf8", body: hi,
		want: "hi",
	},
	{name: "an empty Content-Encoding", headers: "Content-Encoding: ", body: hi, want: "hi"},
	{name: "a byte order mark (PHP, .NET)", body: "\xEF\xBB\xBF" + hi, want: "hi"},
	{name: "white space around", body: "\r\n " + hi + "\n\n", want: "hi"},
	{name: "an emoji as escapes", body: `{"reply":"\ud83d\ude00"}`, want: "😀"},
	{name: "a name with an escape", body: `{"\u0072eply":"hi"}`, want: "hi"},
	{name: "a reply and one of another case", body: `{"Reply":"ho","reply":"hi"}`, want: "hi"},
	{
		name: "5,000 characters are cut", body: `{"reply":"` + strings.Repeat("a", 5000) + `"}`,
		want: strings.Repeat("a", MaxText),
	},
	{name: "exactly 64 KiB", body: hi + strings.Repeat(" ", maxAnswer-len(hi)), want: "hi"},

	{name: "204", status: 204},
	{name: "200 without a body", body: ""},
	{name: "200 without a body, as HTML", headers: "Content-Type: text/html", body: ""},
	{name: "200 with a line's end alone", headers: "Content-Type: text/plain", body: "\n"},
	{name: "an empty object", body: "{}"},
	{name: "an empty object, written wide", body: "{\n}\n"},

	{name: "PHP's default type", headers: "Content-Type: text/html; charset=UTF-8", body: hi, why: NoReplyContentType},
	{name: "text/plain", headers: "Content-Type: text/plain", body: hi, why: NoReplyContentType},
	{
		name: "Express's sendStatus", headers: "Content-Type: text/plain; charset=utf-8", body: "OK",
		why: NoReplyContentType,
	},
	{name: "no type", headers: "Content-Type:", body: hi, why: NoReplyContentType},
	{name: "a misspelled type", headers: "Content-Type: application/jason", body: hi, why: NoReplyContentType},
	{name: "text/json", headers: "Content-Type: text/json", body: hi, why: NoReplyContentType},
	{
		name: "a type that only looks alike", headers: "Content-Type: application/json-patch+json", body: hi,
		why: NoReplyContentType,
	},
	{
		name: "a type of its own on JSON", headers: "Content-Type: application/vnd.api+json", body: hi,
		why: NoReplyContentType,
	},
	{
		name: "two types in one", headers: "Content-Type: application/json, application/json", body: hi,
		why: NoReplyContentType,
	},
	{
		name: "a proxy's page of 100 KiB", headers: "Content-Type: text/html",
		body: "<html>" + strings.Repeat("x", 100<<10), why: NoReplyContentType,
	},
	{name: "gzip that nobody asked for", headers: "Content-Encoding: gzip", body: zipped, why: NoReplyContentEncoding},
	{
		name: "Brotli", headers: "Content-Encoding: BR", body: "\x8b\x06\x80{\"reply\":\"hi\"}\x03",
		why: NoReplyContentEncoding,
	},
	{name: "gzip behind identity", headers: "Content-Encoding: identity, gzip", body: zipped, why: NoReplyContentEncoding},
	{
		name: "gzip in a line of its own", headers: "Content-Encoding: identity\nContent-Encoding: gzip", body: zipped,
		why: NoReplyContentEncoding,
	},
	{
		name: "deflate, though the body looks plain", headers: "Content-Encoding: deflate", body: hi,
		why: NoReplyContentEncoding,
	},
	{name: "zstd", headers: "Content-Encoding: zstd", body: "\x28\xb5\x2f\xfd", why: NoReplyContentEncoding},
	{name: "gzip's old name", headers: "Content-Encoding: x-gzip", body: zipped, why: NoReplyContentEncoding},
	{name: "compress", headers: "Content-Encoding: compress", body: "\x1f\x9d", why: NoReplyContentEncoding},
	{name: "gzip that is not named", body: zipped, why: NoReplyNotUTF8},
	{name: "a byte more than 64 KiB", body: hi + strings.Repeat(" ", maxAnswer+1-len(hi)), why: NoReplyTooLong},
	{
		name: "Latin-1", headers: "Content-Type: application/json; charset=iso-8859-1",
		body: "{\"reply\":\"Gr\xfc\xdfe\"}", why: NoReplyNotUTF8,
	},
	{name: "UTF-16 with its mark", body: "\xFF\xFE{\x00}\x00", why: NoReplyNotUTF8},
	{name: "an HTML page that says JSON", body: "<!doctype html><title>Welcome</title>", why: NoReplyNotJSON},
	{name: "a form", body: "reply=hi", why: NoReplyNotJSON},
	{name: "Python's repr", body: `{'reply': 'hi'}`, why: NoReplyNotJSON},
	{name: "a comma too many", body: `{"reply":"hi",}`, why: NoReplyNotJSON},
	{name: "a bare line's end in the text", body: "{\"reply\":\"a\nb\"}", why: NoReplyNotJSON},
	{name: "broken off", body: `{"reply":"hi`, why: NoReplyNotJSON},
	{name: "two objects", body: hi + hi, why: NoReplyNotJSON},
	{name: "a warning in front", body: "Notice: undefined index\n" + hi, why: NoReplyNotJSON},
	{name: "nested 10,001 deep", body: strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001), why: NoReplyNotJSON},
	{name: "a list of one (n8n, Make)", body: `[{"reply":"hi"}]`, why: NoReplyNotObject},
	{name: "a bare string", body: `"hi"`, why: NoReplyNotObject},
	{name: "JSON in a JSON string", body: `"{\"reply\":\"hi\"}"`, why: NoReplyNotObject},
	{name: "null", body: "null", why: NoReplyNotObject},
	{name: "Reply", body: `{"Reply":"hi"}`, why: NoReplyNoField},
	{name: "another name", body: `{"message":"hi"}`, why: NoReplyNoField},
	{name: "wrapped, as by AWS Lambda", body: `{"statusCode":200,"body":"{\"reply\":\"hi\"}"}`, why: NoReplyNoField},
	{name: "wrapped in data", body: `{"data":{"reply":"hi"}}`, why: NoReplyNoField},
	{name: "an acknowledgement", body: `{"ok":true}`, why: NoReplyNoField},
	{name: "two replies", body: `{"reply":"hi","reply":"ho"}`, why: NoReplyTwoFields},
	{name: "a number", body: `{"reply":42}`, why: NoReplyNotText},
	{name: "an object", body: `{"reply":{"text":"hi"}}`, why: NoReplyNotText},
	{name: "a list", body: `{"reply":["hi"]}`, why: NoReplyNotText},
	{name: "a truth", body: `{"reply":true}`, why: NoReplyNotText},
	{name: "an empty text", body: `{"reply":""}`, why: NoReplyEmpty},
	{name: "white space", body: `{"reply":" \n\u00a0"}`, why: NoReplyEmpty},
	{name: "null for a text", body: `{"reply":null}`, why: NoReplyEmpty},
	{name: "a NUL", body: `{"reply":"a\u0000b"}`, why: NoReplyNUL},
}

// Every answer arrives, or says nothing on purpose, or has exactly one reason.
func TestAnswers(t *testing.T) {
	for _, tt := range answerCases {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(tt)
			defer server.Close()
			d := HTTPDispatcher{URL: server.URL, Transport: NewTransport(nil)}
			defer d.Transport.CloseIdleConnections()
			got, err := d.Dispatch(t.Context(), sample)
			require.NoError(t, err)
			assert.Equal(t, tt.want, got.Text)
			assert.Equal(t, tt.why, got.NoReply)
			if tt.why != "" {
				assert.Contains(t, NoReplies(), tt.why)
				assert.NotEmpty(t, tt.why.Description())
			}
		})
	}
}

// ServeHTTP answers as the case says: JSON, unless its headers say otherwise.
func (c answerCase) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	for line := range strings.SplitSeq(c.headers, "\n") {
		if name, value, ok := strings.Cut(line, ":"); ok {
			if name == "Content-Type" {
				w.Header()[name] = nil
			}
			if value = strings.TrimSpace(value); name != "Content-Type" || value != "" {
				w.Header().Add(name, value)
			}
		}
	}
	if c.status != 0 {
		w.WriteHeader(c.status)
	}
	if c.body != "" {
		_, _ = io.WriteString(w, c.body)
	}
}

// Pingr replies only to messages. An endpoint's answer to another event is neither a reply nor a
// mistake.
func TestAnswersToOtherEvents(t *testing.T) {
	for _, body := range []string{hi, "<html>"} {
		server := httptest.NewServer(answerCase{body: body})
		defer server.Close()
		d := HTTPDispatcher{URL: server.URL, Transport: NewTransport(nil)}
		defer d.Transport.CloseIdleConnections()
		got, err := d.Dispatch(t.Context(), Event{Type: EventSessionDisconnected, ID: "evt_1"})
		require.NoError(t, err)
		assert.Equal(t, Reply{URL: server.URL, Status: 200}, got)
	}
}

// An error names a redirect's host and path, and nothing that may be secret.
func TestRedirects(t *testing.T) {
	const not = ": redirects are not followed"
	for _, tt := range []struct {
		name, location string
		status         int
		want           string
	}{
		{"to https", "https://shop.example/hook", 301, "status 301" + not + "; it points to https://shop.example/hook"},
		{"to a slash at the end", "/hook/", 308, "status 308" + not + "; it points to SERVER/hook/"},
		{
			"to a login page, with a token", "https://sso.example/login?next=/hook&token=hush#hush", 302,
			"status 302" + not + "; it points to https://sso.example/login",
		},
		{
			"with a password", "https://user:hush@shop.example:8443/a%2Fb", 303,
			"status 303" + not + "; it points to https://shop.example:8443/a%2Fb",
		},
		{"without its scheme", "//shop.example/hook", 307, "status 307" + not + "; it points to http://shop.example/hook"},
		{"to a path of 10 KiB", "/" + strings.Repeat("a", 10<<10), 307, "status 307" + not + "; it points to SERVER/aaa"},
		{"to nowhere", "", 302, "status 302" + not},
		{"to what is no URL", "http://%zz/?hush", 302, "status 302" + not},
		{"to another scheme", "javascript:hush", 302, "status 302" + not},
		{"not modified", "https://shop.example/", 304, "status 304"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			headers := "Location: " + tt.location
			if tt.location == "" {
				headers = ""
			}
			server := httptest.NewServer(answerCase{status: tt.status, headers: headers})
			defer server.Close()
			d := HTTPDispatcher{URL: server.URL + "/hook", Transport: NewTransport(nil)}
			defer d.Transport.CloseIdleConnections()
			got, err := d.Dispatch(t.Context(), sample)
			require.Error(t, err)
			assert.Equal(t, tt.status, got.Status)
			said := strings.ReplaceAll(err.Error(), server.URL, "SERVER")
			assert.NotContains(t, said, "hush")
			assert.Less(t, len(said), 500)
			if strings.HasSuffix(tt.want, "aaa") {
				assert.True(t, strings.HasPrefix(said, tt.want), said)
				return
			}
			assert.Equal(t, tt.want, said)
		})
	}
}

// The page for people who run an endpoint has each reason, in the same words.
func TestReasonsAreInTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("docs/serve.md")
	require.NoError(t, err)
	for _, reason := range NoReplies() {
		assert.Contains(t, string(page), "| `"+string(reason)+"` | "+reason.Description()+" |")
	}
}
