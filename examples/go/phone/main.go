// Command phone tries a login without WhatsApp: what is typed is sent as by a
// phone, goes through a real engine to the webhook of an example in any
// language, and the answer is printed.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/sim"
	"github.com/heypingr/pingr/store/memory"
)

func main() {
	number := flag.String("number", "919876543210", "the phone's own number")
	webhook := flag.String("webhook", "http://127.0.0.1:8090/webhook", "where the example listens")
	flag.Parse()
	secret := os.Getenv("PINGR_WEBHOOK_SECRET")
	if secret == "" {
		fmt.Fprintln(os.Stderr, "set PINGR_WEBHOOK_SECRET to the example's secret")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *number, &pingr.HTTPDispatcher{URL: *webhook, Secret: secret}, os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// failed is the triggers' reply for when the webhook fails.
const failed = "(The example did not answer. Is it running there, with the same secret?)"

// run sends each line that it reads and writes the answer, until the lines or
// ctx end.
func run(ctx context.Context, number string, backend pingr.Dispatcher, in io.Reader, out io.Writer) error {
	store, session := memory.New(), sim.New(sim.Config{})
	for _, phrase := range []string{"login", "no"} {
		err := store.SaveTrigger(ctx, pingr.Trigger{
			ID: "trg_" + phrase, Session: pingr.DefaultSession, Phrase: phrase, Reply: failed, Active: true,
		})
		if err != nil {
			return err
		}
	}
	engine, err := pingr.New(pingr.Config{
		Store: store, Session: session, Dispatcher: backend,
		Settings: pingr.Settings{Cooldown: -1}, // somebody trying things out is in a hurry
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- engine.Run(ctx) }()
	fmt.Fprintf(out, "+%s writes. Type what the login page says, such as: login\n", number)
	chat(ctx, session.NewPhone(sim.PhoneConfig{Number: number}), in, out)
	cancel()
	return <-ended
}

func chat(ctx context.Context, phone *sim.Phone, in io.Reader, out io.Writer) {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for read := bufio.NewScanner(in); read.Scan(); {
			select {
			case lines <- strings.TrimSpace(read.Text()):
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case line, more := <-lines:
			if !more {
				return
			}
			if !fires(line) {
				fmt.Fprintln(out, "(No reply: no trigger matches.)")
				continue
			}
			phone.Send(line)
			reply, err := phone.Next(ctx)
			if err != nil {
				return // interrupted
			}
			fmt.Fprintln(out, reply.Text)
		}
	}
}

// fires reports whether a line begins with a trigger's phrase.
func fires(line string) bool {
	word, _, _ := strings.Cut(pingr.Normalize(line), " ")
	return word == "login" || word == "no"
}
