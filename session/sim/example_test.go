package sim_test

import (
	"context"
	"fmt"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
)

// A person writes, the program answers, the person's phone shows it.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	session := sim.New(sim.Config{Number: "15550100"})
	go session.Listen(ctx, func(ctx context.Context, m pingr.Message) error {
		return session.Send(ctx, pingr.Outgoing{ID: "R" + m.ID, To: m.Sender, Text: "You are " + m.Phone})
	})

	alice := session.NewPhone(sim.PhoneConfig{Number: "919876543210"})
	alice.Send("who am I?")
	reply, err := alice.Next(ctx)
	fmt.Println(reply.Text, err)
	// Output: You are 919876543210 <nil>
}
