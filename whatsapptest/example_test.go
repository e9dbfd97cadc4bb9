package whatsapptest_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types/events"

	"github.com/heypingr/pingr/whatsapptest"
)

// A bot that echoes, linked and tried without WhatsApp.
func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	srv, err := whatsapptest.Start(whatsapptest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	defer srv.Close()
	shop := srv.NewPhone(whatsapptest.PhoneConfig{Number: "15550100001", Name: "Shop"})
	alice := srv.NewPhone(whatsapptest.PhoneConfig{Number: "919876543210", Name: "Alice"})

	bot := newBot(ctx)
	defer bot.close()
	srv.Point(bot.Client)
	codes, err := bot.GetQRChannel(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := bot.Connect(); err != nil {
		log.Fatal(err)
	}
	if _, err := shop.Scan(ctx, (<-codes).Code); err != nil {
		log.Fatal(err)
	}

	if _, err := alice.Send(ctx, shop.Number(), "hello"); err != nil {
		log.Fatal(err)
	}
	reply, err := alice.Next(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply.From, "says:", reply.Text)
	fmt.Println("unreadable:", srv.Ledger().Undecryptable())
	// Output:
	// 15550100001 says: you said hello
	// unreadable: 0
}

// bot is an ordinary whatsmeow program.
type bot struct {
	*whatsmeow.Client
	container *sqlstore.Container
	dir       string
}

func newBot(ctx context.Context) bot {
	dir, err := os.MkdirTemp("", "bot")
	if err != nil {
		log.Fatal(err)
	}
	container, err := sqlstore.New(ctx, "sqlite", "file:"+filepath.Join(dir, "bot.db")+"?_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)", nil)
	if err != nil {
		log.Fatal(err)
	}
	b := bot{whatsmeow.NewClient(container.NewDevice(), nil), container, dir}
	b.AddEventHandler(func(e any) {
		if m, ok := e.(*events.Message); ok && m.Message.GetConversation() != "" {
			answer := whatsapptest.TextMessage("you said " + m.Message.GetConversation())
			_, _ = b.SendMessage(ctx, m.Info.Chat, answer) // the phone shows what became of it
		}
	})
	return b
}

func (b bot) close() {
	b.Disconnect()
	_ = b.container.Close()
	_ = os.RemoveAll(b.dir)
}
