// Command loopback runs a WhatsApp on loopback, for trying pingr serve, and its
// dashboard, from a browser or a script. It prints one line of JSON when it is
// ready: the environment that leads pingr serve there, and where phones are
// (whatsapptest.Server.Handler; "shop" is one of them already). It ends with
// its standard input.
//
//	go run ./internal/loopback
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/heypingr/pingr/whatsapptest"
)

// ready is the line that it prints.
type ready struct {
	Env    map[string]string `json:"env"`
	Phones string            `json:"phones"` // the address of the phones
	Shop   string            `json:"shop"`   // a number to link
}

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "loopback:", err)
		os.Exit(1)
	}
}

func run(until io.Reader, out io.Writer) error {
	network, err := whatsapptest.Start(whatsapptest.Config{})
	if err != nil {
		return fmt.Errorf("start loopback WhatsApp: %w", err)
	}
	defer network.Close()
	shop, err := network.AddPhone(whatsapptest.PhoneConfig{Number: "15550100001", Name: "Shop"})
	if err != nil {
		return fmt.Errorf("add phone: %w", err)
	}
	dir, err := os.MkdirTemp("", "loopback")
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	defer os.RemoveAll(dir)
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, network.CAPEM(), 0o600); err != nil {
		return fmt.Errorf("write certificate: %w", err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once, on loopback
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	web := &http.Server{Handler: network.Handler(), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = web.Serve(l) // ends with Close
	}()
	defer func() {
		_ = web.Close()
		<-served
	}()
	if err := json.NewEncoder(out).Encode(ready{
		Env: map[string]string{
			"PINGR_WHATSAPP_URL": network.URL(), "PINGR_WHATSAPP_CA": ca, "PINGR_WHATSAPP_CERT_KEY": network.CertKey(),
		},
		Phones: "http://" + l.Addr().String() + "/phones",
		Shop:   shop.Number(),
	}); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	_, err = io.Copy(io.Discard, until)
	return err //nolint:wrapcheck // says it all
}
