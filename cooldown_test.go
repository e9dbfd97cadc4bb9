package pingr

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestLimits(t *testing.T) {
	at := time.Date(2026, 12, 31, 23, 59, 30, 0, time.FixedZone("", -3600)) // already January in UTC
	quota := QuotaLimit("acc", 10, at)
	assert.Equal(t, time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC), quota.Until)
	assert.Equal(t, Quota, quota.Kind)
	cooldown := CooldownLimit("acc", "4917", time.Minute, at)
	assert.Equal(t, at.Add(time.Minute), cooldown.Until)
	assert.EqualValues(t, 1, cooldown.Max, "a cooldown is a quota of one")
	assert.NotEqual(t, cooldown.Key, CooldownLimit("acc2", "4917", time.Minute, at).Key)
	assert.NotEqual(t, CooldownLimit("a", "1", 0, at).Key, QuotaLimit("a", 1, at).Key)
}

// A month is a UTC month on any machine. By the local clock, each of these times is already, or still,
// in another month.
func TestAMonthIsUTCs(t *testing.T) {
	december := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for name, offset := range map[string]int{"Pago Pago": -11, "UTC": 0, "Kiritimati": 14} {
		zone := time.FixedZone(name, offset*60*60)
		last, first := december.Add(-time.Millisecond).In(zone), december.In(zone)
		assert.Equal(t, december, QuotaLimit("acc", 1, last).Until, name)
		assert.Equal(t, december.AddDate(0, 1, 0), QuotaLimit("acc", 1, first).Until, name)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Unix(1000, 0)
	for left, want := range map[time.Duration]int{
		47 * time.Second: 47, 46*time.Second + time.Millisecond: 47, time.Millisecond: 1, 0: 1, -time.Hour: 1,
	} {
		assert.Equal(t, want, (&LimitError{Until: now.Add(left)}).RetryAfter(now), left)
	}
}
