package pingr_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/heypingr/pingr"
)

// flaky fails one in so many calls, before it does anything. With panics, it also panics at one in
// eight times as many, because a message whose first call always panicked would rightly expire.
type flaky struct {
	pingr.Store
	every, calls atomic.Int64
	panics       bool
}

var errFlaky = errors.New("disk full")

func (f *flaky) fail() error {
	k := f.every.Load()
	switch {
	case k == 0:
	case f.panics:
		if rand.Int64N(8*k) == 0 {
			panic(errFlaky)
		}
	case f.calls.Add(1)%k == 0:
		return errFlaky
	}
	return nil
}

func (f *flaky) Accept(ctx context.Context, fi pingr.Firing, l pingr.Lease) (pingr.Firing, bool, error) {
	if err := f.fail(); err != nil {
		return fi, false, err
	}
	return f.Store.Accept(ctx, fi, l)
}

func (f *flaky) Claim(
	ctx context.Context, l pingr.Lease, now time.Time, skip []string, limit int,
) ([]pingr.Firing, error) {
	if err := f.fail(); err != nil {
		return nil, err
	}
	return f.Store.Claim(ctx, l, now, skip, limit)
}

func (f *flaky) Keep(ctx context.Context, id, holder string, s pingr.State, l pingr.Lease) (bool, error) {
	if err := f.fail(); err != nil {
		return false, err
	}
	return f.Store.Keep(ctx, id, holder, s, l)
}

func (f *flaky) Decide(ctx context.Context, d pingr.Decision) (pingr.Firing, bool, error) {
	if err := f.fail(); err != nil {
		return pingr.Firing{}, false, err
	}
	return f.Store.Decide(ctx, d)
}

func (f *flaky) Finish(ctx context.Context, o pingr.Outcome) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.Store.Finish(ctx, o)
}

func (f *flaky) FindTrigger(ctx context.Context, session string, phrases []string) (pingr.Trigger, bool, error) {
	if err := f.fail(); err != nil {
		return pingr.Trigger{}, false, err
	}
	return f.Store.FindTrigger(ctx, session, phrases)
}

func (f *flaky) Peek(ctx context.Context, at time.Time, limits ...pingr.Limit) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.Store.Peek(ctx, at, limits...)
}

func (f *flaky) Hold(ctx context.Context, key, owner string, at, until time.Time) (bool, error) {
	if err := f.fail(); err != nil {
		return false, err
	}
	return f.Store.Hold(ctx, key, owner, at, until)
}

func (f *flaky) Drop(ctx context.Context, key, owner string) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.Store.Drop(ctx, key, owner)
}

func (f *flaky) LogDelivery(ctx context.Context, d pingr.Delivery) error {
	if err := f.fail(); err != nil {
		return err
	}
	return f.Store.LogDelivery(ctx, d)
}
