//go:build !race

package verify

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The checks of VerifyWebhook beyond an HMAC cost little time and no allocation. The ways take turns
// of some 0.2 ms, so a change of the machine's speed affects all. The test judges the median of each
// turn's ratio to the bare one.
func TestRatios(t *testing.T) {
	const rounds, limit = 201, 1.3
	out := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', tabwriter.AlignRight)
	defer out.Flush()
	fmt.Fprintln(out, "event\tbytes\tway\tµs\tratio to bare\tallocations beyond decoding\t")
	for _, r := range requests(t) {
		decoding := allocations(t, r, way{"decode alone", decode})
		took := map[string][]float64{}
		ratios := map[string][]float64{}
		for round := range rounds {
			all := ways()
			for i := range all { // the order changes too
				w := all[(i+round)%len(all)]
				took[w.name] = append(took[w.name], turn(t, r, w).Seconds())
			}
			for _, w := range all {
				ratios[w.name] = append(ratios[w.name], took[w.name][round]/took["bare"][round])
			}
		}
		for _, w := range ways() {
			ratio, own := median(ratios[w.name]), allocations(t, r, w)-decoding
			fmt.Fprintf(out, "%s\t%d\t%s\t%.2f\t%.2f\t%.0f\t\n", r.name, len(r.body), w.name, 1e6*median(took[w.name]), ratio,
				own)
			if w.name == "VerifyWebhook" {
				assert.LessOrEqual(t, ratio, limit, r.name)
				assert.Zero(t, own, r.name)
			}
		}
	}
}

// turn returns how long one call took, averaged over a turn.
func turn(t *testing.T, r request, w way) time.Duration {
	t.Helper()
	calls := 50
	if len(r.body) > 2000 {
		calls = 10
	}
	began := time.Now()
	for range calls {
		if _, err := w.take(r); err != nil {
			require.NoError(t, err, w.name)
		}
	}
	return time.Since(began) / time.Duration(calls)
}

func allocations(t *testing.T, r request, w way) float64 {
	t.Helper()
	return testing.AllocsPerRun(200, func() {
		if _, err := w.take(r); err != nil {
			require.NoError(t, err, w.name)
		}
	})
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}
