//go:build !race

package whatsapp_test

import (
	"context"
	"fmt"
	"os"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/whatsapptest"
)

// A number is linked by its QR code, a person writes, the program answers.
// Without Endpoint it is the real WhatsApp, and a person scans the code.
func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	server, err := whatsapptest.Start(whatsapptest.Config{})
	check(err)
	defer server.Close()
	shop := server.NewPhone(whatsapptest.PhoneConfig{Number: "15550100001"})
	dir, err := os.MkdirTemp("", "pingr")
	check(err)
	defer os.RemoveAll(dir)

	pool, err := whatsapp.Open(ctx, whatsapp.Config{
		Dir:      dir,
		Endpoint: whatsapp.Endpoint{URL: server.URL(), CA: server.CAPEM(), CertKey: server.CertKey()},
	})
	check(err)
	defer pool.Close()
	session, err := pool.Add(ctx, pingr.SessionRecord{ID: "sess_shop", Name: "Shop"})
	check(err)
	err = session.WaitConnected(ctx, func(qr whatsapp.QR) {
		_, err := shop.Scan(ctx, qr.Code) // a person does this with the phone
		check(err)
	})
	check(err)
	fmt.Println("connected as", session.Record().Phone)

	go session.Listen(ctx, func(ctx context.Context, m pingr.Message) error {
		// A program answers outside of the handler, and stores before it returns.
		go session.Send(ctx, pingr.Outgoing{ID: "R" + m.ID, To: m.Sender, Text: "You are " + m.Phone})
		return nil
	})
	alice := server.NewPhone(whatsapptest.PhoneConfig{Number: "919876543210"})
	_, err = alice.Send(ctx, shop.Number(), "who am I?")
	check(err)
	reply, err := alice.Next(ctx)
	check(err)
	fmt.Println(reply.Text)
	// Output:
	// connected as 15550100001
	// You are 919876543210
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
