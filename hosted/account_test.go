package hosted_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

var now = time.Date(2026, 11, 23, 23, 30, 0, 0, time.UTC)

func ExampleNewKey() {
	secret, key := hosted.NewKey("acc_1", "CI", hosted.Test, time.Now())
	fmt.Println(len(secret), key.Mode, key.Hash == hosted.HashKey(secret))
	// Output: 38 test true
}

func ExampleSettings_Midnight() {
	s := hosted.DefaultSettings()
	fmt.Println(s.Midnight(now))
	s.TimeZone = "Asia/Kolkata"
	fmt.Println(s.Midnight(now).UTC())
	// Output:
	// 2026-11-24 00:00:00 +0000 UTC
	// 2026-11-24 18:30:00 +0000 UTC
}

func TestNew(t *testing.T) {
	a, err := hosted.New(" Anna@Example.com", "hash", "growth", now)
	require.NoError(t, err)
	assert.Equal(t, "anna@example.com", a.Email)
	assert.Regexp(t, `^acc_[0-9a-f]{32}$`, a.ID)
	assert.Regexp(t, `^whsec_`, a.Webhook.Secret)
	for _, wrong := range []string{"", "anna", "anna@", "Anna <anna@example.com>", "a@b, c@d"} {
		_, err := hosted.New(wrong, "", "", now)
		require.ErrorIs(t, err, hosted.ErrEmail, wrong)
	}
}

func TestNewKey(t *testing.T) {
	form := regexp.MustCompile(`^pk_live_[0-9A-Za-z]{30}$`)
	seen := map[string]bool{}
	letters := map[rune]bool{}
	for range 200 {
		secret, k := hosted.NewKey("acc_1", "", hosted.Live, now)
		assert.Regexp(t, form, secret)
		assert.False(t, seen[secret])
		seen[secret] = true
		assert.Equal(t, "pk_live_…"+secret[34:], k.Display())
		for _, r := range secret[8:] {
			letters[r] = true
		}
	}
	assert.Len(t, letters, 62, "every character comes")
}

func TestSettingsForTheEngine(t *testing.T) {
	plan := hosted.Plan{Messages: 7}
	s := hosted.DefaultSettings()
	assert.Equal(t, pingr.Settings{
		Cooldown: time.Minute, GroupReply: pingr.GroupPrivate, HiddenNumbers: pingr.HiddenRefuse,
		MaxMessageAge: 5 * time.Minute, MonthlyQuota: 7,
	}, s.Engine(plan))
	text := "number, please"
	s.CooldownSeconds, s.Overage, s.NoPhoneReply = 0, hosted.OverageAllow, &text
	s.HiddenNumbers, s.NumberQuestion = pingr.HiddenAsk, &text
	got := s.Engine(plan)
	assert.Negative(t, got.Cooldown, "none, and not the engine's default")
	assert.Zero(t, got.MonthlyQuota)
	assert.Equal(t, text, got.NoPhoneReply)
	assert.Equal(t, pingr.HiddenAsk, got.HiddenNumbers)
	assert.Equal(t, text, got.NumberQuestion)
}

// Settings that were stored before there was a field have its default.
func TestSettingsOfAnEarlierVersion(t *testing.T) {
	var s hosted.Settings
	require.NoError(t, json.Unmarshal([]byte(`{"cooldown_seconds":0,"group_reply":"private"}`), &s))
	assert.Equal(t, 1, s.DisconnectGraceSeconds)
	assert.Equal(t, pingr.HiddenRefuse, s.HiddenNumbers)
	assert.Zero(t, s.CooldownSeconds)
	require.NoError(t, json.Unmarshal([]byte(`{"disconnect_grace_seconds":0}`), &s))
	assert.Zero(t, s.DisconnectGraceSeconds, "at once is what was chosen")
}
