//go:build !race

package foreign

import (
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/whatsapptest"
)

// rust starts whatsapp-rust, which make foreign-rust builds. Elsewhere the test is skipped: the build
// takes minutes.
func rust(t *testing.T, srv *whatsapptest.Server) *program {
	t.Helper()
	path := os.Getenv("PINGR_TEST_RUST")
	if path == "" {
		t.Skip("whatsapp-rust is not built: make foreign-rust")
	}
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), "LOOPBACK_URL="+srv.URL())
	return run(t, cmd)
}

// linkRust links a client to a phone by QR.
func linkRust(t *testing.T, p *program, name string, phone *whatsapptest.Phone) (*client, *whatsapptest.Device) {
	t.Helper()
	c := p.client(name)
	c.do("open", nil)
	d, err := phone.Scan(within(t), c.await("qr", nil).QR)
	require.NoError(t, err)
	c.await("open", nil)
	require.NoError(t, d.WaitQueueEmpty(within(t)))
	return c, d
}

// whatsapp-rust's suites connection, messaging and receipts: two clients link by QR and write to each
// other, and delivery and read receipts arrive.
func TestRustLinksAndTalks(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	p := rust(t, srv)
	asha, bo := srv.NewPhone(whatsapptest.PhoneConfig{Name: "Asha"}), srv.NewPhone(whatsapptest.PhoneConfig{Name: "Bo"})
	a, _ := linkRust(t, p, "asha", asha)
	b, _ := linkRust(t, p, "bo", bo)
	id := a.send(bo.Number()+"@s.whatsapp.net", "hello Bo")
	got := b.text("hello Bo")
	a.await("receipt", func(e event) bool { return e.ID == id && e.Kind == "Delivered" })
	b.do("read", args{"chat": got.Chat, "id": got.ID})
	a.await("receipt", func(e event) bool { return e.ID == id && e.Kind == "Read" })
	b.send(got.Chat, "hello Asha")
	assert.Equal(t, "Bo", a.text("hello Asha").Name)
	assert.Equal(t, "hello Asha", next(t, asha).Text)
	assert.Empty(t, srv.UnknownRequests())
}

// Its suites offline_messages and lid_sessions: people of every address write while it is away, and what
// cannot be read is encrypted again.
func TestRustComesBackAndRecovers(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	p := rust(t, srv)
	shop := srv.NewPhone(whatsapptest.PhoneConfig{Name: "Shop"})
	c, d := linkRust(t, p, "shop", shop)
	d.FailLogins(whatsapptest.LoginFailure{Reason: 503, Times: 1})
	d.Drop()
	require.NoError(t, d.WaitOffline(within(t)))
	for i, addressing := range []whatsapptest.Addressing{
		whatsapptest.LIDFirst, whatsapptest.NumberFirst, whatsapptest.LIDOnly, whatsapptest.NumberOnly,
	} {
		person := srv.NewPhone(whatsapptest.PhoneConfig{Addressing: addressing})
		for _, garbled := range []bool{false, true} {
			text := strconv.Itoa(i) + strconv.FormatBool(garbled)
			_, err := person.SendMessage(t.Context(), whatsapptest.Outgoing{To: shop.Number(), Text: text, Garbled: garbled})
			require.NoError(t, err)
			got := c.text(text)
			c.send(got.Chat, "answer "+text)
			assert.Equal(t, "answer "+text, next(t, person).Text)
		}
	}
	require.NoError(t, d.WaitQueueEmpty(within(t)))
	assert.Empty(t, srv.UnknownRequests())
}

// A person on whatsapp-rust logs in at Pingr, and gets the link, also after it could not read the first
// copy.
func TestLoginByRust(t *testing.T) {
	srv := start(t, whatsapptest.Config{})
	l := newLoginWith(t, srv, rust(t, srv))
	phone := srv.NewPhone(whatsapptest.PhoneConfig{Name: "Asha"})
	c, person := linkRust(t, l.program, "asha", phone)
	for i, to := range []string{l.phone.Number() + "@s.whatsapp.net", l.phone.LID() + "@lid"} {
		text := "login " + strconv.Itoa(i)
		c.send(to, text)
		c.text("link for " + text)
		assert.Equal(t, "link for "+text, next(t, phone).Text)
	}
	person.Garble(1)
	c.send(l.phone.LID()+"@lid", "login unreadable")
	c.text("link for login unreadable")
	assert.Empty(t, srv.UnknownRequests())
}
