//go:build !race

// The race detector makes 10,000 histories take minutes. What they run is tested with it elsewhere.

package pingr_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"
)

// A human of the network, and the truth about the number.
type human struct {
	lid, number string
	username    bool // hides the number
}

// network is a WhatsApp where people hide and change their numbers. It judges
// what backends are told. Its clock is the engine's.
type network struct {
	t        *testing.T
	sessions [2]*sim.Session

	mu      sync.Mutex
	now     time.Time
	holder  map[string]*human    // who has a number now
	freed   map[string]time.Time // when a number that somebody had was left
	wrote   map[string]*human    // who sent a message, by its id
	persons map[string]*human    // by the ids that backends were told
	asking  chan string          // ids of messages whose sender is asked
	done    chan string          // ids of messages that are finished
	told    int
	passed  int // of told, without a number
}

func (n *network) time() time.Time {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.now
}

func (n *network) wait(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.now = n.now.Add(d)
}

// A resolving session answers by the network's truth.
type resolving struct {
	*sim.Session
	network *network
}

func (r resolving) Resolve(_ context.Context, phone string) (pingr.Resolved, error) {
	r.network.mu.Lock()
	defer r.network.mu.Unlock()
	if h := r.network.holder[phone]; h != nil {
		return pingr.Resolved{OnWhatsApp: true, Phone: phone, LID: h.lid + "@lid"}, nil
	}
	return pingr.Resolved{Phone: phone}, nil
}

// Dispatch is the backend of all accounts, and the judge.
func (n *network) Dispatch(_ context.Context, e pingr.Event) (pingr.Reply, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told++
	h, from := n.wrote[e.Message.ID], e.From
	if from.Phone == "" {
		n.passed++
	} else if other := n.holder[from.Phone]; other != nil && other != h {
		n.t.Errorf("%s: the number of %s is told for %s", e.Account, other.lid, h.lid)
	}
	if from.LID != "" && from.LID != h.lid+"@lid" {
		n.t.Errorf("%s: the LID %s is told for %s", e.Account, from.LID, h.lid)
	}
	if from.LID == "" {
		return pingr.Reply{}, nil // named by number alone, which tells nobody from the number's last holder
	}
	if other := n.persons[from.Person]; other != nil && other != h {
		n.t.Errorf("%s: the person of %s is told for %s", e.Account, other.lid, h.lid)
	}
	n.persons[from.Person] = h
	return pingr.Reply{}, nil
}

// changeNumber gives a human another number: a new one, or one that somebody
// left long enough ago for an operator to give it away.
func (n *network) changeNumber(h *human, numbers []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, number := range numbers {
		left, had := n.freed[number]
		if n.holder[number] == nil && (!had || n.now.Sub(left) > 26*time.Hour) {
			delete(n.holder, h.number)
			n.freed[h.number] = n.now
			h.number, n.holder[number] = number, h
			return
		}
	}
}

// A letter is a message with the names that WhatsApp gave its sender when it was
// sent.
type letter struct {
	by  *human
	via *sim.Session
	as  sim.PhoneConfig
	at  time.Time
}

func (n *network) letter(r *rand.Rand, h *human) letter {
	both := sim.PhoneConfig{Number: h.number, LID: h.lid}
	names := []sim.PhoneConfig{both, {Number: h.number}, {LID: h.lid, Hidden: true}}
	as := names[r.IntN(len(names))]
	if h.username {
		as = names[2]
	}
	return letter{h, n.sessions[r.IntN(2)], as, n.time()}
}

// deliver sends a letter, and waits for what becomes of it. If the sender is
// asked for the number, it answers.
func (n *network) deliver(l letter, id, answer string) {
	n.mu.Lock()
	n.wrote[id] = l.by
	n.mu.Unlock()
	p := l.via.NewPhone(l.as)
	p.SendMessage(sim.Message{ID: id, Text: "login", At: l.at})
	for {
		select {
		case <-n.done: // this or an earlier one that waited in vain
			return
		case <-n.asking:
			_, err := p.Next(n.t.Context())
			require.NoError(n.t, err)
			n.mu.Lock()
			n.wrote[id+"answer"] = l.by
			n.mu.Unlock()
			p.SendMessage(sim.Message{ID: id + "answer", Text: answer})
			p.Next(n.t.Context()) // the reply, or that the answer was wrong
			return
		case <-n.t.Context().Done():
			return
		}
	}
}

// Whatever WhatsApp names and hides, and whoever gets whose number: nobody is
// told as having the number, the LID or the person of somebody else.
func TestTenThousandHistories(t *testing.T) {
	histories := 10_000
	if testing.Short() {
		histories = 300
	}
	n := &network{
		t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), holder: map[string]*human{},
		freed: map[string]time.Time{}, wrote: map[string]*human{}, persons: map[string]*human{},
		asking: make(chan string, 64), done: make(chan string, 64),
	}
	store := memory.New()
	modes := []pingr.HiddenNumbers{pingr.HiddenPass, pingr.HiddenAsk, pingr.HiddenRefuse}
	mode := pingr.HiddenPass
	engine, err := pingr.New(pingr.Config{
		Store: store, Now: n.time,
		Accounts: func(context.Context, string) (pingr.Account, error) {
			n.mu.Lock()
			defer n.mu.Unlock()
			return pingr.Account{Settings: pingr.Settings{Cooldown: -1, HiddenNumbers: mode}, Dispatcher: n}, nil
		},
		Observer: pingr.Observer{Firing: func(f pingr.Firing) {
			switch {
			case f.State == pingr.StateAsking && f.Asked == 1 && f.Answer == "":
				n.asking <- f.Message.ID
			case f.State == pingr.StateDone && f.Asked == 0:
				n.done <- f.Message.ID
			}
		}},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = engine.Run(ctx) })
	defer running.Wait()
	defer cancel()
	<-engine.Started()

	for i := range histories {
		r := rand.New(rand.NewPCG(uint64(i), 1))
		n.mu.Lock()
		mode = modes[i%len(modes)]
		n.mu.Unlock()
		account := fmt.Sprint("acc", i)
		var detach []func()
		for j := range n.sessions {
			name := fmt.Sprint("s", i, "-", j)
			require.NoError(t, store.SaveTrigger(ctx, pingr.Trigger{
				ID: "trg_" + name, Session: name, Phrase: "login", Reply: "hi", Active: true,
			}))
			n.sessions[j] = sim.New(sim.Config{Now: n.time})
			detach = append(detach, engine.Attach(account, name, resolving{n.sessions[j], n}))
		}
		n.live(r, i)
		for _, d := range detach {
			d()
		}
		if t.Failed() {
			t.Fatalf("history %d", i)
		}
	}
	t.Logf("%d events in %d histories, %d of them without a number", n.told, histories, n.passed)
	require.Positive(t, n.passed)
	require.Greater(t, n.told, 3*histories)
}

// live plays one history: three people, four numbers, twenty things that happen.
func (n *network) live(r *rand.Rand, history int) {
	var numbers []string
	for k := range 4 {
		numbers = append(numbers, fmt.Sprintf("49%08d%d", history, k))
	}
	people := make([]*human, 3)
	n.mu.Lock()
	for k := range people {
		people[k] = &human{lid: fmt.Sprintf("7%08d%d", history, k), number: numbers[k]}
		n.holder[numbers[k]] = people[k]
	}
	n.mu.Unlock()
	var late []letter
	for step := range 20 {
		h := people[r.IntN(len(people))]
		id := fmt.Sprint("3EB0", history, "-", step)
		answer := numbers[r.IntN(len(numbers))]
		if r.IntN(2) == 0 {
			answer = h.number
		}
		switch r.IntN(8) {
		case 0:
			h.username = !h.username
		case 1:
			r.Shuffle(len(numbers), func(a, b int) { numbers[a], numbers[b] = numbers[b], numbers[a] })
			n.changeNumber(h, numbers)
		case 2:
			n.wait(time.Duration(r.IntN(144)) * time.Hour)
		case 3:
			late = append(late, n.letter(r, h)) // one of the sessions is away
		case 4:
			if len(late) > 0 {
				n.deliver(late[0], id, answer)
				late = slices.Delete(late, 0, 1)
			}
		default:
			n.deliver(n.letter(r, h), id, answer)
		}
		n.wait(time.Duration(r.IntN(10)) * time.Minute)
	}
}
