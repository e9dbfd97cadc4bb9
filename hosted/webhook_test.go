package hosted_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/hosted"
)

func TestRotate(t *testing.T) {
	type signs struct {
		after  time.Duration
		secret string
		others []string
	}
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name string
		// rotations are made at these times, with these overlaps, to b, c, d…
		rotations [][2]time.Duration
		want      []signs
	}{
		{"never", nil, []signs{{0, "a", nil}}},
		{"with a day's overlap", [][2]time.Duration{{0, day}}, []signs{
			{0, "a", []string{"b"}}, {day - time.Millisecond, "a", []string{"b"}}, {day, "b", nil},
		}},
		{"again when the first is over", [][2]time.Duration{{0, day}, {2 * day, day}}, []signs{
			{2 * day, "b", []string{"c"}}, {3 * day, "c", nil},
		}},
		{"again within the first: what the endpoint surely knows stays", [][2]time.Duration{
			{0, day}, {time.Hour, day},
		}, []signs{
			{time.Hour, "a", []string{"b", "c"}}, {day, "a", []string{"b", "c"}}, {day + time.Hour, "c", nil},
		}},
		{"a leaked one", [][2]time.Duration{{0, 0}}, []signs{{0, "b", nil}}},
		{"a leaked one within an overlap", [][2]time.Duration{{0, day}, {time.Hour, 0}}, []signs{
			{time.Hour, "c", nil}, {day, "c", nil},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := hosted.Webhook{Secret: "a"}
			for i, r := range tt.rotations {
				from, err := w.Rotate(string(rune('b'+i)), r[1], now.Add(r[0]))
				require.NoError(t, err)
				assert.True(t, from.Equal(now.Add(r[0]+r[1])), from)
			}
			for _, want := range tt.want {
				secret, others := w.Signing(now.Add(want.after))
				assert.Equal(t, want.secret, secret, want.after)
				assert.Equal(t, want.others, others, want.after)
			}
		})
	}
}
