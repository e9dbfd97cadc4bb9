package whatsapp

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

// BenchmarkEcho measures texts in and replies out, in closed loop, beside a
// bare whatsmeow client that does the same. The server and the phones run in
// the same process, so that the difference is larger than it looks.
//
//	go test -bench Echo -run '^$' -benchtime 2000x ./session/whatsapp
func BenchmarkEcho(b *testing.B) {
	for _, people := range []int{1, 8} {
		b.Run(fmt.Sprintf("bare/%d", people), func(b *testing.B) {
			server, shop := benchServer(b)
			bareEcho(b, server, shop)
			chat(b, server, shop, people)
		})
		b.Run(fmt.Sprintf("pingr/%d", people), func(b *testing.B) {
			server, shop := benchServer(b)
			pool, err := Open(b.Context(), Config{
				Dir:      b.TempDir(),
				Endpoint: Endpoint{URL: server.URL(), CA: server.CAPEM(), CertKey: server.CertKey()},
			})
			require.NoError(b, err)
			b.Cleanup(func() { _ = pool.Close() })
			s, err := pool.Add(b.Context(), pingr.SessionRecord{ID: "sess_bench"})
			require.NoError(b, err)
			for now := range s.Changes(b.Context()) {
				if now.QR.Code != "" {
					_, err := shop.Scan(b.Context(), now.QR.Code)
					require.NoError(b, err)
				}
				if now.Record.State == pingr.SessionConnected {
					break
				}
			}
			ctx := b.Context()
			go func() {
				_ = s.Listen(ctx, func(_ context.Context, m pingr.Message) error {
					go func() {
						if err := s.Send(ctx, pingr.Outgoing{ID: "R" + m.ID, To: m.Sender, Text: m.Text}); err != nil &&
							ctx.Err() == nil {
							b.Error(err)
						}
					}()
					return nil
				})
			}()
			chat(b, server, shop, people)
		})
	}
}

func benchServer(b *testing.B) (*whatsapptest.Server, *whatsapptest.Phone) {
	server, err := whatsapptest.Start(whatsapptest.Config{})
	require.NoError(b, err)
	b.Cleanup(func() { _ = server.Close() })
	return server, server.NewPhone(whatsapptest.PhoneConfig{})
}

// bareEcho is what a careful program does with whatsmeow alone.
func bareEcho(b *testing.B, server *whatsapptest.Server, shop *whatsapptest.Phone) {
	container, err := sqlstore.New(b.Context(), "sqlite", "file:"+filepath.Join(b.TempDir(), "bare.db")+
		"?_pragma=foreign_keys(1)&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)"+
		"&_pragma=synchronous(NORMAL)&_txlock=immediate", nil)
	require.NoError(b, err)
	b.Cleanup(func() { _ = container.Close() })
	quietLibraries()
	client := whatsmeow.NewClient(container.NewDevice(), nil)
	server.Point(client)
	connected := make(chan struct{}, 1)
	client.AddEventHandler(func(evt any) {
		switch e := evt.(type) {
		case *events.QR:
			go func() { _, _ = shop.Scan(b.Context(), e.Codes[0]) }()
		case *events.Connected:
			connected <- struct{}{}
		case *events.Message:
			if e.Info.IsFromMe || e.Message.GetConversation() == "" {
				return
			}
			// In the handler: in a goroutine it would lose messages.
			_, err := client.SendMessage(context.Background(), e.Info.Sender.ToNonAD(),
				&waE2E.Message{Conversation: proto.String(e.Message.GetConversation())})
			if err != nil {
				b.Log(err)
			}
		}
	})
	require.NoError(b, client.Connect())
	b.Cleanup(client.Disconnect)
	<-connected
}

// chat lets people write, each after the answer to what he wrote before.
func chat(b *testing.B, server *whatsapptest.Server, shop *whatsapptest.Phone, people int) {
	phones := make([]*whatsapptest.Phone, people)
	for i := range phones {
		phones[i] = server.NewPhone(whatsapptest.PhoneConfig{})
		exchange(b, phones[i], shop) // keys are made
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var all sync.WaitGroup
	for _, p := range phones {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				exchange(b, p, shop)
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rt/s")
}

func exchange(b *testing.B, p, shop *whatsapptest.Phone) {
	if _, err := p.Send(b.Context(), shop.Number(), "login X4K9MQ"); err != nil {
		b.Error(err)
		return
	}
	if _, err := p.Next(b.Context()); err != nil {
		b.Error(err)
	}
}
