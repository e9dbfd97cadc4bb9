package hosted_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

func ExampleStatsHours() {
	kolkata := time.FixedZone("IST", 5*3600+1800)
	for _, border := range hosted.StatsHours(time.Date(2026, 11, 23, 10, 45, 0, 0, kolkata), 2, kolkata) {
		fmt.Println(border.In(kolkata).Format("15:04"))
	}
	// Output:
	// 09:00
	// 10:00
	// 11:00
}

func TestStatsDaysWhereClocksArePutBack(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	borders := hosted.StatsDays(time.Date(2026, 10, 25, 12, 0, 0, 0, berlin), 2, berlin)
	require.Len(t, borders, 3)
	assert.Equal(t, 24*time.Hour, borders[1].Sub(borders[0]))
	assert.Equal(t, 25*time.Hour, borders[2].Sub(borders[1]))
	hours := hosted.StatsHours(time.Date(2026, 10, 25, 5, 30, 0, 0, berlin), 24, berlin)
	assert.Equal(t, 24*time.Hour, hours[24].Sub(hours[0]))
}

func TestPercentilesAreWithinSixPercent(t *testing.T) {
	for _, ms := range []int64{0, 1, 7, 8, 9, 15, 16, 17, 100, 1023, 1024, 8000, 60_000} {
		l := hosted.Latencies{hosted.LatencyClass(time.Duration(ms) * time.Millisecond): 1}
		var s hosted.StatsStep
		l.Fill(&s)
		require.NotNil(t, s.P50MS)
		assert.InDelta(t, ms, *s.P50MS, 0.07*float64(ms), "%d ms", ms)
	}
}

func TestLatencyClassesRise(t *testing.T) {
	last := int64(-1)
	for ms := range 20_000 {
		class := hosted.LatencyClass(time.Duration(ms) * time.Millisecond)
		require.GreaterOrEqual(t, class, last)
		require.LessOrEqual(t, class, last+1, "no class is left out at %d", ms)
		last = class
	}
	assert.Zero(t, hosted.LatencyClass(-time.Second))
}

func TestCountsKnowEveryOutcome(t *testing.T) {
	var c hosted.Counts
	for _, o := range []pingr.OutcomeKind{
		pingr.Replied, pingr.Cooldown, pingr.Quota, pingr.Expired, pingr.NoPhone, pingr.Failed,
	} {
		*c.Of(o, pingr.Static)++
	}
	*c.Of(pingr.Replied, pingr.Dynamic)++
	assert.Equal(t, hosted.Counts{Dynamic: 1, Static: 1, Cooldown: 1, Quota: 1, Expired: 1, NoPhone: 1, Failed: 1}, c)
	c.Add(c)
	assert.EqualValues(t, 14, c.Firings())
	assert.Nil(t, c.Of("", ""))
}
