package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

func TestVerify(t *testing.T) {
	secret := pingr.NewSecret()
	body := fmt.Sprintf(`{"event":"message.received","id":"evt_1","timestamp":%d}`, time.Now().UnixMilli())
	old := fmt.Sprintf(`{"event":"message.received","id":"evt_1","timestamp":%d}`,
		time.Now().Add(-6*time.Minute).UnixMilli())
	sign := func(body string) string { return pingr.Sign([]byte(body), secret) }
	tests := []struct {
		name, body, signature, secret string
		flags                         []string
		code                          int
		out, err                      string
	}{
		{"good", body, sign(body), secret, nil, exitDone, "valid: the signature matches (message.received evt_1)", ""},
		{"capital letters", body, strings.ToUpper(sign(body)), secret, nil, exitFailed, "lowercase hex", "in lowercase"},
		{
			"without its prefix", body, strings.TrimPrefix(sign(body), "sha256="), secret, nil, exitFailed, "sha256=",
			"with sha256= in front",
		},
		{
			"in quotes", body, `"` + sign(body) + `"`, secret, nil, exitFailed, "lowercase hex",
			"without the quotes around the signature",
		},
		{
			"in a quote that a page made", body, "“" + sign(body) + "”", secret, nil, exitFailed, "lowercase hex",
			"without the quotes around the signature",
		},
		{
			"the secret in quotes", body, sign(body), "'" + secret + "'", nil, exitFailed, "does not match",
			"without the quotes around PINGR_WEBHOOK_SECRET",
		},
		{
			"the other header", body, "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=", secret, nil, exitFailed, "sha256=",
			"Give x-pingr-signature",
		},
		{
			"the other header, in quotes", body, `"v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="`, secret, nil, exitFailed,
			"sha256=", "Give x-pingr-signature",
		},
		{"another secret", body, sign(body), pingr.NewSecret(), nil, exitFailed, "does not match", "a different one"},
		{
			"the secret without its prefix", body, sign(body), strings.TrimPrefix(secret, "whsec_"), nil, exitFailed,
			"does not match", "whsec_ before",
		},
		{"a line end too many", body + "\n", sign(body), secret, nil, exitFailed, "does not match", "without the line break"},
		{
			"a changed body", strings.Replace(body, "evt_1", "evt_2", 1), sign(body), secret, nil, exitFailed,
			"does not match", "changed",
		},
		{"stale", old, sign(old), secret, nil, exitFailed, "5 minutes", "--any-age"},
		{"stale, and that is fine", old, sign(old), secret, []string{"--any-age"}, exitDone, "valid", ""},
		{"not JSON", "hello", sign("hello"), secret, nil, exitFailed, "not a JSON object", "The signature itself matches.\n"},
		{
			"no timestamp", `{"event":"x"}`, sign(`{"event":"x"}`), secret, nil, exitFailed, "no timestamp",
			"matches. --any-age",
		},
		{"a shortened signature", body, sign(body)[:20], secret, nil, exitFailed, "lowercase hex", "the whole header"},
		{"nothing", "", sign(body), secret, nil, exitFailed, "does not match", "empty"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := call{
				args:  append([]string{"verify", "--log", "debug", "--signature", tt.signature}, tt.flags...),
				env:   []string{"PINGR_WEBHOOK_SECRET=" + tt.secret},
				stdin: tt.body,
			}
			r := c.run(t)
			assert.Equal(t, tt.code, r.code)
			assert.Contains(t, r.out, tt.out)
			assert.Contains(t, r.err, tt.err)
			assert.NotContains(t, r.out+r.err, strings.TrimPrefix(tt.secret, "whsec_"))

			c.args = append(c.args, "--json")
			r = c.run(t)
			assert.Equal(t, tt.code, r.code)
			var v verdict
			require.NoError(t, json.Unmarshal([]byte(r.out), &v))
			assert.Equal(t, tt.code == exitDone, v.Valid)
			assert.NotContains(t, r.out+r.err, strings.TrimPrefix(tt.secret, "whsec_"))
		})
	}
}
