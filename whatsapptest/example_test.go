//go:build !race

package whatsapptest_test

import (
	"context"
	"fmt"
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
	if err := tryBot(); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 15550100001 says: you said hello
	// unreadable: 0
}

func tryBot() error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	srv, err := whatsapptest.Start(whatsapptest.Config{})
	if err != nil {
		return err
	}
	defer srv.Close()
	shop := srv.NewPhone(whatsapptest.PhoneConfig{Number: "15550100001", Name: "Shop"})
	alice := srv.NewPhone(whatsapptest.PhoneConfig{Number: "919876543210", Name: "Alice"})

	bot, remove, err := newBot(ctx)
	if err != nil {
		return err
	}
	defer remove()
	srv.Point(bot)
	codes, err := bot.GetQRChannel(ctx)
	if err != nil {
		return err
	}
	if err := bot.Connect(); err != nil {
		return err
	}
	if _, err := shop.Scan(ctx, (<-codes).Code); err != nil {
		return err
	}

	if _, err := alice.Send(ctx, shop.Number(), "hello"); err != nil {
		return err
	}
	reply, err := alice.Next(ctx)
	if err != nil {
		return err
	}
	fmt.Println(reply.From, "says:", reply.Text)
	fmt.Println("unreadable:", srv.Ledger().Undecryptable())
	return nil
}

// newBot is an ordinary whatsmeow program.
func newBot(ctx context.Context) (bot *whatsmeow.Client, remove func(), err error) {
	dir, err := os.MkdirTemp("", "bot")
	if err != nil {
		return nil, nil, err
	}
	container, err := sqlstore.New(ctx, "sqlite", "file:"+filepath.Join(dir, "bot.db")+
		"?_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)", nil)
	if err != nil {
		return nil, nil, err
	}
	bot = whatsmeow.NewClient(container.NewDevice(), nil)
	bot.AddEventHandler(func(e any) {
		if m, ok := e.(*events.Message); ok && m.Message.GetConversation() != "" {
			answer := whatsapptest.TextMessage("you said " + m.Message.GetConversation())
			_, _ = bot.SendMessage(ctx, m.Info.Chat, answer) // the phone shows what became of it
		}
	})
	return bot, func() {
		bot.Disconnect()
		_ = container.Close()
		_ = os.RemoveAll(dir)
	}, nil
}
