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

// A program with several numbers serves each under the account that owns it.
func ExampleEngine_Serve() {
	engine, stop := run(pingr.Config{Store: memory.New()})
	defer stop()

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	for _, shop := range []string{"shop_one", "shop_two"} {
		go func() { ended <- engine.Serve(ctx, shop, "main_"+shop, sim.New(sim.Config{})) }()
	}
	cancel() // a real program serves until it stops
	fmt.Println(<-ended, <-ended)
	// Output: <nil> <nil>
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

	event := pingr.Event{Type: pingr.EventSessionDisconnected, Session: pingr.DefaultSession, Reason: 401, Kind: "terminal"}
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
