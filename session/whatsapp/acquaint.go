package whatsapp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.mau.fi/libsignal/keys/prekey"
	"go.mau.fi/libsignal/session"
	"go.mau.fi/libsignal/signalerror"
	"go.mau.fi/whatsmeow"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/store"
	"go.mau.fi/whatsmeow/types"
)

// Before a message is encrypted, whatsmeow asks WhatsApp for the recipient's
// devices, and for keys of those that it has no session with. It does so for
// one person at a time, under locks that all others need. What follows asks
// before that, once for all who wait. What is still missing then whatsmeow asks
// for itself.

// acquaintances are the names of people whose devices were asked for, and
// whether there were any. whatsmeow has the lists and keeps them up to date.
// disagreed are pairs of hashes of devices, see [line.catchUp].
type acquaintances struct {
	known     *lru.Cache[types.JID, bool]
	disagreed *lru.Cache[types.JID, string]
	devices   *batch
	sessions  *batch
}

func newAcquaintances(l *line) *acquaintances {
	return &acquaintances{
		known:     must(lru.New[types.JID, bool](cacheSize)),
		disagreed: must(lru.New[types.JID, string](cacheSize)),
		devices:   &batch{line: l, ask: l.learnDevices},
		sessions:  &batch{line: l, ask: l.makeSessions},
	}
}

// acquaint learns the devices of a recipient and of our own account, and makes
// the sessions that are missing. Nobody is locked meanwhile. Devices that gave
// no keys are recorded in h.
//
// It asks by both names of each. When WhatsApp tells whatsmeow of a change of
// somebody's devices, whatsmeow ignores that unless it knows them by number, and
// goes on sending to those that it knows by LID (notification.go,
// handleDeviceNotification).
func (l *line) acquaint(ctx context.Context, dev *device, h *holder, d destination) error {
	if d.own.IsEmpty() {
		return whatsmeow.ErrNotLoggedIn
	}
	names := l.names(d)
	var strangers []types.JID
	for _, jid := range names {
		if !l.met.known.Contains(jid) {
			strangers = append(strangers, jid)
		}
	}
	if err := l.met.devices.wait(ctx, strangers); err != nil {
		return fmt.Errorf("learn devices: %w", err)
	}
	names = slices.DeleteFunc(names, func(jid types.JID) bool {
		some, known := l.met.known.Get(jid)
		return known && !some // whatsmeow would ask again for each message
	})
	devices, err := l.client.GetUserDevices(ctx, names)
	if err != nil {
		return fmt.Errorf("learn devices: %w", err)
	}
	devices = slices.DeleteFunc(devices, func(jid types.JID) bool {
		return jid.User != d.to.User && jid.User != d.own.User
	})
	missing, err := l.withoutSession(ctx, dev, devices)
	if err != nil || len(missing) == 0 {
		return err
	}
	if err := l.met.sessions.wait(ctx, missing); err != nil {
		return fmt.Errorf("make sessions: %w", err)
	}
	missing, err = l.withoutSession(ctx, dev, missing)
	for _, jid := range missing {
		h.keyless = append(h.keyless, l.identity(ctx, jid).SignalAddress().String())
	}
	return err
}

// withoutSession returns the devices that we have no session with.
func (l *line) withoutSession(ctx context.Context, dev *device, devices []types.JID) (missing []types.JID, err error) {
	internals := l.client.DangerousInternals()
	ownID, ownLID := internals.GetOwnID(), internals.GetOwnLID()
	for _, jid := range devices {
		if jid == ownID || jid == ownLID {
			continue
		}
		identity := l.identity(ctx, jid)
		found, err := dev.session(ctx, identity.SignalAddress().String(), false)
		if err == nil && found == nil && identity != jid { // whatsmeow moves it, if there is one
			found, err = dev.session(ctx, jid.SignalAddress().String(), false)
		}
		if err != nil {
			return nil, fmt.Errorf("look up session: %w", err)
		}
		if found == nil {
			missing = append(missing, jid)
		}
	}
	return missing, nil
}

// identity returns the name under which whatsmeow files a device's session: by
// LID, if that is known.
func (l *line) identity(ctx context.Context, jid types.JID) types.JID {
	if jid.Server != types.DefaultUserServer {
		return jid
	}
	lid, err := l.client.Store.LIDs.GetLIDForPN(ctx, jid.ToNonAD())
	if err != nil || lid.IsEmpty() {
		return jid
	}
	lid.Device = jid.Device
	return lid
}

// learnDevices makes whatsmeow ask for the devices of many people at once.
func (l *line) learnDevices(ctx context.Context, people []types.JID) error {
	devices, err := l.client.GetUserDevices(ctx, people)
	var refused *whatsmeow.IQError
	if errors.As(err, &refused) && len(people) > 1 {
		return nil // perhaps because of one of them: whatsmeow asks for each alone
	}
	if err != nil {
		return err
	}
	for _, jid := range people {
		l.met.known.Add(jid, slices.ContainsFunc(devices, func(d types.JID) bool { return d.User == jid.User }))
	}
	return nil
}

// forgetDevices makes whatsmeow ask for people's devices again before the next
// message. It drops what a notification of a changed list drops.
func (l *line) forgetDevices(ctx context.Context, people ...types.JID) {
	for _, jid := range people {
		l.client.DangerousInternals().HandleDeviceNotification(ctx, &waBinary.Node{
			Tag: "notification", Attrs: waBinary.Attrs{"from": jid}, Content: []waBinary.Node{{Tag: "update"}},
		})
		l.met.known.Remove(jid)
	}
}

// makeSessions asks for keys of many devices at once and makes sessions with
// them. Devices without keys are left out.
func (l *line) makeSessions(ctx context.Context, devices []types.JID) error {
	dev := l.keys.device.Load()
	if dev == nil {
		return whatsmeow.ErrNotLoggedIn
	}
	var failed error
	for jid, bundle := range l.client.DangerousInternals().FetchPreKeysNoError(ctx, devices) {
		if bundle != nil {
			failed = errors.Join(failed, l.makeSession(ctx, dev, l.identity(ctx, jid), bundle))
		}
	}
	if ctx.Err() != nil || dev.failed.Load() {
		return failed
	}
	return nil // keys that make no session are as good as none
}

// makeSession begins a session, as whatsmeow does (send.go,
// encryptMessageForDevice), unless another has begun one.
func (l *line) makeSession(ctx context.Context, dev *device, jid types.JID, bundle *prekey.Bundle) error {
	h := &holder{persons: dev.persons}
	defer h.drop()
	ctx = withHolder(ctx, h)
	if has, err := dev.HasSession(ctx, jid.SignalAddress().String()); has || err != nil {
		return err
	}
	builder := session.NewBuilderFromSignal(l.client.Store, jid.SignalAddress(), store.SignalProtobufSerializer)
	err := builder.ProcessBundle(ctx, bundle)
	if l.client.AutoTrustIdentity && errors.Is(err, signalerror.ErrUntrustedIdentity) {
		if err = l.client.DangerousInternals().ClearUntrustedIdentity(ctx, jid); err == nil {
			err = builder.ProcessBundle(ctx, bundle)
		}
	}
	return err
}

// askTime bounds one question of a batch.
const askTime = 20 * time.Second

// maxRest is the longest pause between two questions of a batch.
const maxRest = 50 * time.Millisecond

// A batch asks one question at a time. Whoever comes meanwhile waits for the
// next one, which asks for all of them. Between two questions it rests half as
// long as the first one took: whatsmeow's list of devices is locked while it
// asks, and whoever has his answer needs the list.
type batch struct {
	line *line
	ask  func(ctx context.Context, about []types.JID) error

	mu     sync.Mutex
	next   *question
	asking bool
}

type question struct {
	about map[types.JID]struct{}
	done  chan struct{}
	err   error // set before done is closed
}

// wait returns when a question that began after the call was answered.
func (b *batch) wait(ctx context.Context, about []types.JID) error {
	if len(about) == 0 {
		return nil
	}
	b.mu.Lock()
	if b.next == nil {
		b.next = &question{about: make(map[types.JID]struct{}), done: make(chan struct{})}
	}
	q := b.next
	for _, jid := range about {
		q.about[jid] = struct{}{}
	}
	if !b.asking {
		b.asking = true
		go b.work()
	}
	b.mu.Unlock()
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work asks until nobody waits.
func (b *batch) work() {
	for {
		b.mu.Lock()
		q := b.next
		b.next = nil
		b.asking = q != nil
		b.mu.Unlock()
		if q == nil {
			return
		}
		about := make([]types.JID, 0, len(q.about))
		for jid := range q.about {
			about = append(about, jid)
		}
		ctx, cancel := context.WithTimeout(b.line.ctx, askTime)
		began := time.Now()
		q.err = b.ask(ctx, about)
		cancel()
		close(q.done)
		select {
		case <-time.After(min(time.Since(began)/2, maxRest)):
		case <-b.line.ctx.Done():
		}
	}
}
