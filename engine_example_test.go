package pingr_test

import (
	"context"
	"fmt"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"
)

// A whole login: the phrase arrives, the program answers in plain Go, and the
// answer appears on the person's phone. A real program takes its session from
// session/whatsapp and its store from store/sqlite.
func ExampleEngine() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	store, session := memory.New(), sim.New(sim.Config{})
	err := store.SaveTrigger(ctx, pingr.Trigger{
		ID: "trg_login", Session: pingr.DefaultSession, Phrase: "login", Reply: "Try again later.", Active: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	engine, err := pingr.New(pingr.Config{
		Store:   store,
		Session: session,
		Dispatcher: pingr.DispatcherFunc(func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
			code, ok := pingr.ExtractChallengeCode(e.Message.Text, e.Trigger.Phrase)
			if !ok {
				return pingr.Reply{Text: "Send the whole message, with its code."}, nil
			}
			return pingr.Reply{Text: "https://shop.example/login/" + code}, nil
		}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	stopped := make(chan error)
	go func() { stopped <- engine.Run(ctx) }()

	alice := session.NewPhone(sim.PhoneConfig{Number: "919876543210"})
	alice.Send("Login x4k9mq")
	reply, err := alice.Next(ctx)
	fmt.Println(reply.Text, err)

	cancel()
	fmt.Println(<-stopped)
	// Output:
	// https://shop.example/login/X4K9MQ <nil>
	// <nil>
}

// run starts an engine without triggers and returns what stops it.
func run(config pingr.Config) (engine *pingr.Engine, stop func()) {
	engine, err := pingr.New(config)
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error)
	go func() { stopped <- engine.Run(ctx) }()
	<-engine.Started()
	return engine, func() { cancel(); <-stopped }
}

// A program with several sessions attaches each under the account that owns it.
// Every account has its own settings and its own backend.
func ExampleEngine_Attach() {
	store := memory.New()
	backend := func(shop string) pingr.Dispatcher {
		return pingr.DispatcherFunc(func(context.Context, pingr.Event) (pingr.Reply, error) {
			return pingr.Reply{Text: "https://" + shop + ".example/login"}, nil
		})
	}
	engine, stop := run(pingr.Config{
		Store: store,
		Accounts: func(_ context.Context, shop string) (pingr.Account, error) {
			return pingr.Account{Dispatcher: backend(shop)}, nil
		},
	})
	defer stop()

	for _, shop := range []string{"books", "bikes"} {
		id, session := "main_"+shop, sim.New(sim.Config{})
		trigger := pingr.Trigger{ID: "trg_" + shop, Session: id, Phrase: "login", Reply: "Try again later.", Active: true}
		if err := store.SaveTrigger(context.Background(), trigger); err != nil {
			fmt.Println(err)
			return
		}
		detach := engine.Attach(shop, id, session)
		alice := session.NewPhone(sim.PhoneConfig{Number: "919876543210"})
		alice.Send("login")
		reply, err := alice.Next(context.Background())
		fmt.Println(reply.Text, err)
		detach() // when the shop unlinks its number
	}
	// Output:
	// https://books.example/login <nil>
	// https://bikes.example/login <nil>
}

// Serve is Attach for a program that wants to know when a session has ended.
func ExampleEngine_Serve() {
	engine, stop := run(pingr.Config{Store: memory.New()})
	defer stop()

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- engine.Serve(ctx, "shop", "main", sim.New(sim.Config{})) }()
	cancel() // a real program serves until it stops
	fmt.Println(<-ended)
	// Output: <nil>
}

// A counter of outcomes. The observer gets a firing again in each new state, and the last state is done.
func ExampleObserver() {
	store, session := memory.New(), sim.New(sim.Config{})
	trigger := pingr.Trigger{
		ID: "trg_login", Session: pingr.DefaultSession, Phrase: "login", Reply: "Hello!", Active: true,
	}
	if err := store.SaveTrigger(context.Background(), trigger); err != nil {
		fmt.Println(err)
		return
	}
	outcomes := make(chan pingr.OutcomeKind, 1)
	_, stop := run(pingr.Config{
		Store: store, Session: session,
		Observer: pingr.Observer{Firing: func(f pingr.Firing) {
			if f.State == pingr.StateDone {
				outcomes <- f.Outcome
			}
		}},
	})
	defer stop()
	session.NewPhone(sim.PhoneConfig{Number: "919876543210"}).Send("login")
	fmt.Println(<-outcomes)
	// Output: replied
}

// The reply to a message has the same id however often it is sent.
func ExampleFiring_ReplyID() {
	f := pingr.Firing{Session: "main", Message: pingr.Message{
		ID: "3EB0AA", Chat: "919876543210@s.whatsapp.net", Sender: "919876543210@s.whatsapp.net",
	}}
	again := f
	again.ID, again.Attempt = pingr.NewID("evt_"), 1
	fmt.Println(len(f.ReplyID()), f.ReplyID() == again.ReplyID())
	// Output: 22 true
}

// The delivery log names the endpoint even if a dispatcher does not return.
func ExampleHTTPDispatcher_Endpoint() {
	d := &pingr.HTTPDispatcher{URL: "https://shop.example/webhook"}
	fmt.Println(d.Endpoint())
	// Output: https://shop.example/webhook
}

// A program sends a message itself, under the same cooldown as replies.
func ExampleEngine_Send() {
	session := sim.New(sim.Config{})
	alice := session.NewPhone(sim.PhoneConfig{Number: "919876543210"})
	engine, stop := run(pingr.Config{Store: memory.New(), Session: session})
	defer stop()

	message := pingr.SendRequest{Session: pingr.DefaultSession, To: "+91 98765 43210", Text: "Your order is ready."}
	if _, err := engine.Send(context.Background(), message); err != nil {
		fmt.Println(err)
		return
	}
	reply, err := alice.Next(context.Background())
	fmt.Println(reply.Text, err)
	// Output: Your order is ready. <nil>
}

// A program tells the backend of something that no message caused.
func ExampleEngine_Notify() {
	told := make(chan pingr.Event)
	engine, stop := run(pingr.Config{
		Store: memory.New(),
		Dispatcher: pingr.DispatcherFunc(func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
			told <- e
			return pingr.Reply{}, nil
		}),
	})
	defer stop()

	event := pingr.Event{
		Type: pingr.EventSessionDisconnected, Session: pingr.DefaultSession, Reason: 401, Kind: "terminal",
	}
	if err := engine.Notify(context.Background(), "", event); err != nil {
		fmt.Println(err)
		return
	}
	e := <-told
	fmt.Println(e.Type, e.Reason, e.Kind)
	// Output: session.disconnected 401 terminal
}

func ExampleNewID() {
	id := pingr.NewID("trg_")
	fmt.Println(id[:4], len(id))
	// Output: trg_ 36
}

func ExampleEventTypes() {
	for _, e := range pingr.EventTypes() {
		fmt.Println(e)
	}
	// Output:
	// message.received
	// session.disconnected
	// session.connected
}

// Each reason has words for people.
func ExampleNoReplies() {
	fmt.Println(pingr.NoReplies()[0] != "", pingr.NoReplyNUL.Description())
	// Output: true its reply contains a NUL character
}

// A delivery that comes a second time within its life is not new.
func ExampleSeenInMemory() {
	var seen pingr.SeenInMemory
	for range 2 {
		isNew, err := seen.Add(context.Background(), "a delivery", time.Minute)
		fmt.Println(isNew, err)
	}
	// Output:
	// true <nil>
	// false <nil>
}
