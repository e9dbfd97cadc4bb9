package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types/events"
	waLog "go.mau.fi/whatsmeow/util/log"
	"google.golang.org/protobuf/proto"
	_ "modernc.org/sqlite" // the driver of sqlstore

	"github.com/heypingr/pingr"
)

// bare is an echo bot as one writes it in an afternoon. It answers in a goroutine and forgets whatever
// a crash interrupts. If there is a hook, it first posts each message to it.
func bare(ctx context.Context, dir string, sessions int, hook string, say func(line)) error {
	// This is whatsmeow's own choice of durability, the fastest that survives the
	// end of the process.
	container, err := sqlstore.New(ctx, "sqlite",
		"file:"+dir+"/bot.db?_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)"+
			"&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)", waLog.Noop)
	if err != nil {
		return err
	}
	defer container.Close()
	transport, err := loopback()
	if err != nil {
		return err
	}
	post := &http.Client{Timeout: 8 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	for range sessions {
		client := whatsmeow.NewClient(container.NewDevice(), waLog.Noop)
		client.SetPreLoginHTTPClient(transport)
		client.SetWebsocketHTTPClient(transport)
		connected := make(chan struct{}, 1)
		client.AddEventHandler(func(raw any) {
			switch e := raw.(type) {
			case *events.Connected:
				select {
				case connected <- struct{}{}:
				default:
				}
			case *events.Message:
				text := e.Message.GetConversation()
				if e.Info.IsFromMe || text == "" {
					return
				}
				go func() {
					if hook != "" {
						if text, err = ask(ctx, post, hook, e, text); err != nil {
							return
						}
					}
					_, _ = client.SendMessage(ctx, e.Info.Sender.ToNonAD(), &waE2E.Message{Conversation: proto.String(text)})
				}()
			}
		})
		codes, err := client.GetQRChannel(ctx)
		if err != nil {
			return err
		}
		if err := client.Connect(); err != nil {
			return err
		}
		defer client.Disconnect()
		for code := range codes {
			if code.Event == whatsmeow.QRChannelEventCode {
				say(line{QR: code.Code})
			}
		}
		select {
		case <-connected:
		case <-time.After(20 * time.Second):
			return errors.New("not connected after linking")
		}
	}
	say(line{Ready: true})
	<-ctx.Done()
	return nil
}

// ask posts the message, signed, and returns the reply.
func ask(ctx context.Context, client *http.Client, hook string, m *events.Message, text string) (string, error) {
	body, err := json.Marshal(pingr.Event{
		Type: pingr.EventMessageReceived, Session: "bare", ID: m.Info.ID, Timestamp: time.Now().UnixMilli(),
		From:    &pingr.From{Phone: m.Info.Sender.User, JID: m.Info.Sender.ToNonAD().String()},
		Message: &pingr.EventMessage{Text: text, Type: "text"},
	})
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hook, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Pingr-Signature", pingr.Sign(body, secret))
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return "", err
	}
	var reply struct{ Reply string }
	if err := json.Unmarshal(answer, &reply); err != nil || reply.Reply == "" {
		return "", fmt.Errorf("no reply, status %d", resp.StatusCode)
	}
	return reply.Reply, nil
}

// loopback returns a client whose every connection ends at the stage's server.
func loopback() (*http.Client, error) {
	key, err := hex.DecodeString(os.Getenv("PINGR_WHATSAPP_CERT_KEY"))
	if err != nil || len(key) != 32 {
		return nil, errors.New("PINGR_WHATSAPP_CERT_KEY is not 64 hex digits")
	}
	whatsmeow.WACertPubKey = [32]byte(key)
	ca, err := os.ReadFile(os.Getenv("PINGR_WHATSAPP_CA"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	target, err := url.Parse(os.Getenv("PINGR_WHATSAPP_URL"))
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS13},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, target.Host)
		},
	}}, nil
}
