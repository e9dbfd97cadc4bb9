package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// quietTime is how long a program that has little to do is looked at.
	quietTime = 5 * time.Second
	// quietBytes are what it allocates in that time: less than two logins a second.
	quietBytes = 2 << 20
	// someGarbage is what makes giving back worth a collection of garbage.
	someGarbage = 8 << 20
)

// giveBackMemory returns memory to the system when the program has come to rest:
// after its start, a link, a burst of password checks, each of which takes
// 19 MiB for a moment. By itself Go would keep it for minutes, in case it were
// needed again. It runs until ctx ends.
func giveBackMemory(ctx context.Context) {
	tick := time.NewTicker(quietTime)
	defer tick.Stop()
	var before, givenBack, live uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		allocated, _ := heap()
		quiet := allocated-before < quietBytes
		before = allocated
		// A large heap is worth it after more: then it is no more than twice as
		// often as Go collects by itself.
		if quiet && allocated-givenBack > someGarbage+live {
			debug.FreeOSMemory()
			unmapProgram()
			givenBack, live = heap()
		}
	}
}

// heap is how many bytes were ever allocated, and how many were in use when
// garbage was collected last.
func heap() (allocated, live uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}
