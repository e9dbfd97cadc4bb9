//go:build unix

package sqlite_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/store/sqlite"
)

// BenchmarkAccept accepts one message after the other. WhatsApp waits for this.
func BenchmarkAccept(b *testing.B) {
	s := openBench(b)
	for i := range b.N {
		accept(b, s, benchFiring(int64(i)))
	}
}

// BenchmarkFiring runs whole firings, 8 at once.
func BenchmarkFiring(b *testing.B) {
	s := openBench(b)
	var n atomic.Int64
	b.SetParallelism(4) // times GOMAXPROCS
	b.ReportAllocs()
	began := cpu()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			live(b, s, benchFiring(n.Add(1)))
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "firings/s")
	b.ReportMetric(float64((cpu()-began).Microseconds())/float64(b.N), "cpu-µs/op")
}

// cpu returns the processor time of this process. On a busy machine, it is the most meaningful
// measure.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFindTrigger shows that triggers and words cost little.
func BenchmarkFindTrigger(b *testing.B) {
	for _, triggers := range []int{10, 10_000} {
		s := openBench(b)
		for i := range triggers {
			save(b, s, fmt.Sprintf("login %d", i))
		}
		for _, text := range []string{"login 5 please", "hello there", longText} {
			phrases := pingr.Phrases(text)
			b.Run(fmt.Sprintf("%d triggers/%d candidates", triggers, len(phrases)), func(b *testing.B) {
				for range b.N {
					_, _, err := s.FindTrigger(b.Context(), "main", phrases)
					require.NoError(b, err)
				}
			})
		}
	}
}

// BenchmarkClaim looks for work behind 100,000 firings of an account whose places are all taken.
func BenchmarkClaim(b *testing.B) {
	s := openBench(b)
	queued := pingr.Lease{Until: now}
	var wg sync.WaitGroup
	for w := range int64(50) {
		wg.Go(func() {
			for i := range int64(2000) {
				_, _, _ = s.Accept(b.Context(), benchFiring(w*2000+i), queued)
			}
		})
	}
	wg.Wait()
	for b.Loop() {
		firings, err := s.Claim(b.Context(), lease, now, []string{"acc_1"}, 32)
		require.NoError(b, err)
		require.Empty(b, firings)
	}
}

// BenchmarkPeek is the look ahead at cooldown and quota.
func BenchmarkPeek(b *testing.B) {
	s := openBench(b)
	for i := range b.N {
		require.NoError(b, s.Peek(b.Context(), now, benchLimits(fmt.Sprint(i))...))
	}
}

func openBench(b *testing.B) *sqlite.Store {
	b.Helper()
	s, err := sqlite.Open(b.Context(), sqlite.Config{Dir: b.TempDir()})
	require.NoError(b, err)
	b.Cleanup(func() { _ = s.Close() })
	b.ResetTimer()
	return s
}
