package api

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTimesAreShownInUTCAndMilliseconds(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 1_999_999, time.FixedZone("", 2*3600))
	text, err := json.Marshal(struct{ Is, Never *Time }{MaybeAt(at), MaybeAt(time.Time{})})
	require.NoError(t, err)
	assert.JSONEq(t, `{"Is":"2026-11-23T10:00:00.001Z","Never":null}`, string(text))
	var read struct{ Is, Never *Time }
	require.NoError(t, json.Unmarshal(text, &read))
	assert.True(t, read.Is.Equal(at.Truncate(time.Millisecond)))
	assert.Nil(t, read.Never)
}

// An omitted text differs from one that a request sets to null.
func TestMaybeText(t *testing.T) {
	for _, body := range []string{`{}`, `{"no_phone_reply":null}`, `{"no_phone_reply":"Hello"}`} {
		var change ChangeSettings
		require.NoError(t, json.Unmarshal([]byte(body), &change))
		text, err := json.Marshal(change)
		require.NoError(t, err)
		assert.JSONEq(t, body, string(text))
	}
}

func TestWholeNumbers(t *testing.T) {
	for text, want := range map[string]Whole{"60": 60, "60.0": 60, "6e1": 60, "-1": -1} {
		var n Whole
		require.NoError(t, json.Unmarshal([]byte(text), &n), text)
		assert.Equal(t, want, n, text)
	}
	for _, text := range []string{"1.5", "1e10", `"60"`, "true"} {
		var n Whole
		require.Error(t, json.Unmarshal([]byte(text), &n), text)
	}
}

// Words are read from this package's own source, without the lines' ends.
func TestWords(t *testing.T) {
	words, err := Words()
	require.NoError(t, err)
	assert.Equal(t, "The session's id.", words["Trigger.Session"])
	assert.Contains(t, words["Trigger.Reply"], "is replaced by the sender's number.")
	assert.NotContains(t, words, "Trigger.Nothing")
}
