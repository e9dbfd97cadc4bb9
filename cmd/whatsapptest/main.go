// Command whatsapptest runs a WhatsApp on loopback, for testing bots, bridges and gateways in any
// language. Clients connect to one address. Phones, faults and everything else are controlled over
// HTTP at another one. See whatsapptest --help, docs/test-your-bot.md and docs/whatsapptest-http.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/heypingr/pingr/whatsapptest"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, in io.Reader, out, errs io.Writer) int {
	o, err := parse(args, out)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitDone
	case err != nil:
		fmt.Fprintf(errs, "whatsapptest: %v; see whatsapptest --help\n", err)
		return exitUsage
	}
	if o.untilEOF {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		go func() {
			_, _ = io.Copy(io.Discard, in) // whatever ends it
			cancel()
		}()
	}
	if err := serve(ctx, o, out, errs); err != nil {
		fmt.Fprintf(errs, "whatsapptest: %v\n", err)
		return exitFailed
	}
	return exitDone
}

const usage = `Runs a WhatsApp on loopback, to test bots, bridges and gateways without WhatsApp.

Clients connect to --listen (TLS). They must trust the CA that is printed, and the
root key in place of WhatsApp's. Phones, faults and everything else are controlled
over HTTP at --control; GET / there lists the routes.

Usage: whatsapptest [flags]

Examples:
  whatsapptest --phone 15550100001=Shop --phone 919876543210=Alice
  whatsapptest --state whatsapp.json    # phones, links and keys outlive the program
  whatsapptest --listen 127.0.0.1:0 --control 127.0.0.1:0 --json    # free ports, for scripts

  # link the client that shows a QR text, write to it, and read its answer
  curl -d '{"qr":"2@…"}' -H 'Content-Type: application/json' http://127.0.0.1:8444/phones/15550100001/scan
  curl -d '{"to":"15550100001","text":"hello"}' -H 'Content-Type: application/json' \
    http://127.0.0.1:8444/phones/919876543210/messages
  curl -X POST http://127.0.0.1:8444/phones/919876543210/messages/next

Flags:
`

type options struct {
	config   whatsapptest.Config
	control  string
	ca       string
	phones   []whatsapptest.PhoneConfig
	json     bool
	untilEOF bool
	verbose  bool
}

func parse(args []string, out io.Writer) (options, error) {
	o := options{config: whatsapptest.Config{Control: true}}
	f := flag.NewFlagSet("whatsapptest", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.config.Listen, "listen", "127.0.0.1:8443", "loopback `address` for clients")
	f.StringVar(&o.control, "control", "127.0.0.1:8444", "loopback `address` for control over HTTP")
	f.StringVar(&o.config.StateFile, "state", "",
		"keep phones, links and keys in this `file`, which is written when the program ends")
	f.StringVar(&o.ca, "ca", "", "write the CA's certificate to this `file` (default: a temporary one)")
	f.Func("phone", "add the phone `NUMBER=NAME` unless the state has it; may be repeated", func(text string) error {
		number, name, _ := strings.Cut(text, "=")
		o.phones = append(o.phones, whatsapptest.PhoneConfig{Number: number, Name: name})
		return nil
	})
	f.DurationVar(&o.config.Latency, "latency", 0, "delay every frame by this `time`, in each direction")
	f.DurationVar(&o.config.AckWithin, "ack-within", 0,
		"end connections that leave a stanza unacknowledged for this `time` (default: never)")
	f.IntVar(&o.config.Primer, "primer", 0,
		"send so `many` waiting stanzas, and the rest when the client asks (default: all)")
	f.BoolVar(&o.config.HoldRefused, "hold-refused", false,
		"send a message that the client refused first and alone at every login")
	f.BoolVar(&o.config.Lenient, "lenient", false,
		"forgive acknowledgements that name a stanza wrongly, and stanzas that do not exist")
	f.Func("tokens", "privacy tokens are `given`, required or none", func(text string) error {
		i := slices.Index([]string{"given", "required", "none"}, text)
		o.config.Tokens = whatsapptest.Tokens(i)
		if i < 0 {
			return errors.New("it must be given, required or none")
		}
		return nil
	})
	f.BoolVar(&o.json, "json", false, "print one line of JSON when ready")
	f.BoolVar(&o.untilEOF, "until-eof", false, "end when standard input ends, for a test that starts it")
	f.BoolVar(&o.verbose, "verbose", false, "log connections and refused requests")
	err := f.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(out, usage)
		f.SetOutput(out)
		f.PrintDefaults()
	}
	if err == nil && f.NArg() > 0 {
		err = fmt.Errorf("%q is not a flag", f.Arg(0))
	}
	return o, err
}

// serve runs the server until ctx ends.
func serve(ctx context.Context, o options, out, errs io.Writer) (err error) {
	if o.verbose {
		o.config.Logger = slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	control, err := listenLoopback(ctx, o.control)
	if err != nil {
		return fmt.Errorf("--control: %w", err)
	}
	defer control.Close()
	network, err := whatsapptest.Start(o.config)
	if err != nil {
		return explain(err)
	}
	defer func() { err = errors.Join(err, network.Close()) }()
	for _, p := range o.phones {
		if _, known := network.Phone(p.Number); known {
			continue
		}
		if _, err := network.AddPhone(p); err != nil {
			return fmt.Errorf("--phone: %w", err)
		}
	}
	ca, remove, err := writeCA(o.ca, network.CAPEM())
	if err != nil {
		return err
	}
	defer remove()

	web := &http.Server{Handler: onlyLoopback(network.Handler()), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- web.Serve(control) }()
	if err := announce(o, network, "http://"+control.Addr().String(), ca, out); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		err := web.Close()
		if end := <-served; !errors.Is(end, http.ErrServerClosed) {
			err = end
		}
		return err
	case err := <-served:
		return fmt.Errorf("serve control: %w", err)
	}
}

// onlyLoopback refuses requests that name another host, as those of a web page do whose name was made to
// lead here (DNS rebinding).
func onlyLoopback(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "use the loopback address that is printed, or localhost", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func listenLoopback(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%q must be an address such as 127.0.0.1:8444", address)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("%q is not on loopback; anybody who reaches it can act as any phone", address)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	return l, explain(err)
}

func explain(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w; port 0 takes a free one", err)
	}
	return err
}

// writeCA writes the certificate for clients that read it from a file. remove removes a temporary one.
func writeCA(path string, pem []byte) (written string, remove func(), err error) {
	remove = func() {}
	if path == "" {
		dir, err := os.MkdirTemp("", "whatsapptest-")
		if err != nil {
			return "", remove, fmt.Errorf("make directory for the CA: %w", err)
		}
		remove = func() { _ = os.RemoveAll(dir) }
		path = filepath.Join(dir, "ca.pem")
	}
	if err := os.WriteFile(path, pem, 0o600); err != nil {
		remove()
		return "", remove, fmt.Errorf("write the CA: %w", err)
	}
	return path, remove, nil
}

// ready is what --json prints.
type ready struct {
	URL     string            `json:"url"`
	CAFile  string            `json:"ca_file"`
	CertKey string            `json:"cert_key"`
	Control string            `json:"control"`
	Env     map[string]string `json:"env"` // leads pingr serve here
}

func announce(o options, network *whatsapptest.Server, control, ca string, out io.Writer) error {
	if o.json {
		return json.NewEncoder(out).Encode(ready{network.URL(), ca, network.CertKey(), control, map[string]string{
			"PINGR_WHATSAPP_URL": network.URL(), "PINGR_WHATSAPP_CA": ca, "PINGR_WHATSAPP_CERT_KEY": network.CertKey(),
		}})
	}
	_, err := fmt.Fprintf(out, "WhatsApp  %s\nCA        %s\nRoot key  %s\nControl   %s\n",
		network.URL(), ca, network.CertKey(), control)
	return err
}
