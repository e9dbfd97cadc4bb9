package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

const path = "../../testdata/vectors.json"

// read decodes the committed file. The test thus replays what Node and Python read, not the tables.
func read(t *testing.T) vectorFile {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	var f vectorFile
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&f))
	return f
}

func TestFileIsCurrent(t *testing.T) {
	f, err := build()
	require.NoError(t, err)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, bytes.Equal(f.encode(), raw), "testdata/vectors.json is stale: go run ./internal/vectors")
}

func TestCasesHaveNames(t *testing.T) {
	f := read(t)
	total := 0
	check := func(list string, names []string) {
		seen := map[string]bool{}
		assert.NotEmpty(t, names, list)
		for _, name := range names {
			assert.NotEmpty(t, name, list)
			assert.False(t, seen[name], "%s: %q twice", list, name)
			seen[name] = true
		}
		total += len(names)
	}
	check("verify", names(f.Verify, func(c verifyCase) string { return c.Name }))
	check("standard", names(f.Standard, func(c standardCase) string { return c.Name }))
	check("extract", names(f.Extract, func(c extractCase) string { return c.Name }))
	check("create", names(f.Create, func(c createCase) string { return c.Name }))
	check("link", names(f.Link, func(c linkCase) string { return c.Name }))
	check("phone", names(f.Phone, func(c phoneCase) string { return c.Name }))
	assert.GreaterOrEqual(t, total, 300)
	t.Logf("%d cases", total)
}

func names[T any](cases []T, name func(T) string) []string {
	list := make([]string, 0, len(cases))
	for _, c := range cases {
		list = append(list, name(c))
	}
	return list
}

func TestVerify(t *testing.T) {
	f := read(t)
	for _, c := range f.Verify {
		t.Run(c.Name, func(t *testing.T) {
			event, err := pingr.VerifyWebhook(c.body(), c.Signature, c.Secrets[0], pingr.VerifyOptions{
				OtherSecrets: c.Secrets[1:], SkipTimestamp: c.SkipTimestamp, Now: time.UnixMilli(f.Now),
			})
			if c.Error == "" {
				require.NoError(t, err)
				assert.NotNil(t, event)
				return
			}
			require.ErrorIs(t, err, pingr.ErrWebhook)
			assert.ErrorContains(t, err, c.Error)
			assert.Nil(t, event)
		})
	}
}

func TestStandard(t *testing.T) {
	for _, c := range read(t).Standard {
		t.Run(c.Name, func(t *testing.T) {
			event, err := pingr.VerifyWebhook([]byte(c.Body), c.Headers["x-pingr-signature"], c.Secret,
				pingr.VerifyOptions{Now: time.UnixMilli(c.Now)})
			require.NoError(t, err)
			assert.Equal(t, c.Headers["webhook-id"], event.ID)
			assert.Equal(t, c.Now, event.Timestamp)
		})
	}
}

func TestExtract(t *testing.T) {
	for _, c := range read(t).Extract {
		t.Run(c.Name, func(t *testing.T) {
			code, ok := pingr.ExtractChallengeCode(textOf(c.Text, c.TextJSON), c.Trigger)
			require.Equal(t, c.Code != nil, ok, "code %q", code)
			if ok {
				assert.Equal(t, *c.Code, code)
			}
			// If a text gives a code, the trigger fires for that text.
			if ok && pingr.CheckPhrase(c.Trigger) == nil {
				_, fires := pingr.Match([]pingr.Trigger{{Phrase: c.Trigger, Active: true}}, textOf(c.Text, c.TextJSON))
				assert.True(t, fires)
			}
		})
	}
}

func TestCreate(t *testing.T) {
	for _, c := range read(t).Create {
		t.Run(c.Name, func(t *testing.T) {
			o := pingr.ChallengeOptions{Charset: c.Charset}
			if c.Length != nil {
				o.Length = *c.Length
			}
			code := pingr.NewChallengeCode(o)
			assert.Equal(t, c.WantLength, utf8.RuneCountInString(code))
			assert.Empty(t, strings.Trim(code, c.WantFrom))
		})
	}
}

func TestLink(t *testing.T) {
	for _, c := range read(t).Link {
		t.Run(c.Name, func(t *testing.T) {
			assert.Equal(t, c.Link, pingr.LoginLink(c.Number, textOf(c.Text, c.TextJSON)))
		})
	}
}

func TestPhone(t *testing.T) {
	for _, c := range read(t).Phone {
		t.Run(c.Name, func(t *testing.T) {
			phone, err := pingr.ParsePhone(c.Text)
			if c.Phone == nil {
				require.ErrorIs(t, err, pingr.ErrPhone)
				assert.Empty(t, phone)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, *c.Phone, phone)
			again, err := pingr.ParsePhone(phone)
			require.NoError(t, err)
			assert.Equal(t, phone, again)
		})
	}
}
