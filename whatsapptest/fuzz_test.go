package whatsapptest

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
)

// Whatever a client sends, the server neither panics nor hangs.
func FuzzStanzaFromClient(f *testing.F) {
	stanza := func(n waBinary.Node) {
		data, err := waBinary.Marshal(n)
		require.NoError(f, err)
		f.Add(data[1:])
	}
	shop := types.NewJID("15550100001", types.DefaultUserServer)
	stanza(waBinary.Node{
		Tag: "iq", Attrs: waBinary.Attrs{"id": "1", "type": "get", "xmlns": "encrypt"},
		Content: []waBinary.Node{
			{Tag: "key", Content: []waBinary.Node{{Tag: "user", Attrs: waBinary.Attrs{"jid": shop}}}},
		},
	})
	stanza(waBinary.Node{
		Tag: "iq", Attrs: waBinary.Attrs{"id": "1", "type": "get", "xmlns": "usync"},
		Content: []waBinary.Node{
			{Tag: "usync", Content: []waBinary.Node{{Tag: "query"}, {Tag: "list", Content: []waBinary.Node{{Tag: "user"}}}}},
		},
	})
	stanza(waBinary.Node{Tag: "message", Attrs: waBinary.Attrs{"id": "1", "to": shop}, Content: []waBinary.Node{
		{Tag: "enc", Attrs: waBinary.Attrs{"type": "pkmsg"}, Content: []byte("x")},
	}})
	stanza(waBinary.Node{Tag: "receipt", Attrs: waBinary.Attrs{"id": "1", "to": shop, "type": "retry"}})
	stanza(waBinary.Node{Tag: "ack", Attrs: waBinary.Attrs{"id": "1", "to": shop, "class": "message", "error": 500}})

	srv, err := Start(Config{})
	require.NoError(f, err)
	f.Cleanup(func() { _ = srv.Close() })
	p := srv.NewPhone(PhoneConfig{Number: shop.User})
	d := &Device{srv: srv, phone: p, jid: withDevice(p.pn(), 1), lid: withDevice(p.lid, 1)}
	ws := socketTo(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		n := decode(data)
		if n == nil {
			return
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := &conn{srv: srv, ws: ws, dev: d, ctx: ctx, cancel: cancel}
		c.in, c.out = lag{srv: srv, ctx: ctx}, lag{srv: srv, ctx: ctx}
		c.silent.Store(true) // answers go nowhere
		c.handle(n)
		c.dev, c.reg = nil, &registration{srv: srv, conn: c, dev: d}
		c.handle(n)
	})
}

// socketTo returns a socket that the server may close.
func socketTo(f *testing.F) *websocket.Conn {
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ws, err := websocket.Accept(w, r, nil); err == nil {
			_ = ws.CloseNow()
		}
	}))
	f.Cleanup(far.Close)
	ws, _, err := websocket.Dial(f.Context(), far.URL, nil)
	require.NoError(f, err)
	return ws
}

// decode is whatsmeow's decoder, which panics on some input; the server dies with
// the connection only, since net/http recovers.
func decode(data []byte) (n *waBinary.Node) {
	defer func() {
		if recover() != nil {
			n = nil
		}
	}()
	n, err := waBinary.Unmarshal(data)
	if err != nil {
		return nil
	}
	return n
}

func FuzzSplitFrames(f *testing.F) {
	f.Add([]byte{0, 0, 1, 'a', 0, 0, 2, 'b', 'c', 0})
	f.Add([]byte{0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, data []byte) {
		frames, rest := splitFrames(data)
		var joined []byte
		for _, frame := range frames {
			n := len(frame)
			joined = append(joined, byte(n>>16), byte(n>>8), byte(n))
			joined = append(joined, frame...)
		}
		require.True(t, bytes.Equal(data, append(joined, rest...)))
	})
}

func FuzzCiphertext(f *testing.F) {
	srv, err := Start(Config{})
	require.NoError(f, err)
	f.Cleanup(func() { _ = srv.Close() })
	alice, shop := newHandset(srv.NewPhone(PhoneConfig{}), 0), newHandset(srv.NewPhone(PhoneConfig{}), 0)
	first, err := alice.opening(shop)
	require.NoError(f, err)
	f.Add("pkmsg", first)
	f.Add("msg", []byte{0x33})
	f.Add("skmsg", []byte{0x33})
	f.Fuzz(func(_ *testing.T, kind string, ciphertext []byte) {
		h := newHandset(shop.phone, 0)
		h.chain = shop.chain
		h.mu.Lock()
		defer h.mu.Unlock()
		in := inbound{from: &Device{lid: withDevice(alice.phone.lid, 1)}, to: types.NewJID("1", types.GroupServer)}
		_, _ = h.openEnc(in, waBinary.Node{Tag: "enc", Attrs: waBinary.Attrs{"type": kind}, Content: ciphertext})
	})
}

// opening is the first ciphertext from one handset to another.
func (h *handset) opening(to *handset) ([]byte, error) {
	k := to.keys()
	p := h.peer(to.lid())
	err := p.renew(publicBundle{registration: k.registration, identity: *k.identity.Pub, signed: k.signed}, 0)
	if err != nil {
		return nil, err
	}
	ciphertext, _, err := p.encrypt([]byte("hello"))
	return ciphertext, err
}
