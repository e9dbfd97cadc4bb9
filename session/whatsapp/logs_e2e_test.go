//go:build !race

package whatsapp

import (
	"bytes"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/whatsapptest"
)

type warnings struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *warnings) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *warnings) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// At the default log level an operator reads of what needs him, with what to do, and
// of nothing that passes by itself.
func TestTheLogOfANumber(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(*world, *Session, *whatsapptest.Device)
		says []string
	}{
		{"linked, and cut off for a moment", func(w *world, s *Session, d *whatsapptest.Device) {
			d.Drop()
			w.untilState(s, pingr.SessionDisconnected)
			w.untilState(s, pingr.SessionConnected)
		}, nil},
		{
			"unlinked by the phone", func(w *world, s *Session, d *whatsapptest.Device) {
				d.Remove()
				w.untilState(s, pingr.SessionLoggedOut)
			},
			[]string{"state=logged_out", "reason=401", "The phone unlinked this device", `do="do this about sess_log"`},
		},
		{
			"banned", func(w *world, s *Session, d *whatsapptest.Device) {
				d.FailLogins(whatsapptest.LoginFailure{Reason: 406})
				d.Drop()
				w.untilState(s, pingr.SessionRestricted)
			},
			[]string{"state=restricted", "reason=406", "banned the number"},
		},
		{
			"taken over by a copy of its keys", func(w *world, s *Session, d *whatsapptest.Device) {
				d.Replace()
				w.until(s, func(now Snapshot) bool { return now.Record.Reason == codeReplaced })
			},
			[]string{"state=disconnected", "reason=440", "Another program connected"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			require.NoError(t, w.pool.Close())
			said := &warnings{}
			w.config.Log = slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelWarn}))
			w.config.Advice = func(r pingr.SessionRecord) string { return "do this about " + r.ID }
			w.open()
			s, device := w.link("sess_log")
			tt.do(w, s, device)
			if tt.says == nil {
				assert.Empty(t, said.String())
			}
			for _, part := range tt.says {
				assert.Contains(t, said.String(), part)
			}
			assert.NotContains(t, said.String(), w.shop.Number())
		})
	}
}
