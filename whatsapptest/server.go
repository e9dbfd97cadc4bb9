package whatsapptest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/libsignal/ecc"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
)

// Config configures a server. The zero value is ready to use.
type Config struct {
	// Listen is the TCP address to listen on. Defaults to 127.0.0.1 and a free
	// port. Only loopback addresses are accepted.
	Listen string
	// StateFile, if set, is read by Start when it exists and written by Close, so that phones and linked
	// clients outlive the process. It also keeps the keys that foreign clients have to trust: CAPEM,
	// CertKey and the server's Noise key. Start writes these at once. The file holds private keys of
	// simulated phones: nothing of value, but written with mode 0600.
	StateFile string
	// Now returns the time stamped on messages. Defaults to time.Now.
	Now func() time.Time
	// Latency delays every frame of a connection by that time, in each direction,
	// so that a round trip takes twice as long. Frames keep their order. Defaults
	// to 0. [Server.SetLatency] changes it.
	Latency time.Duration
	// Primer is how many of the waiting stanzas a client gets after its login without asking. It has
	// to ask for the rest, again and again, with <ib><offline_batch count="…"/></ib>, and nothing new
	// comes before that. WhatsApp Web does so, and 5 were seen (whatsapp-rust offline_resume.rs). But
	// most clients on whatsmeow, which does not ask, get their backlog. No source says for whom
	// WhatsApp waits. Zero, the default, sends everything at once.
	Primer int
	// Tokens selects what happens to privacy tokens. Defaults to TokensGiven.
	// [Server.SetTokens] changes it.
	Tokens Tokens
	// AckWithin is how long a client may take to acknowledge a stanza. After that the server ends its
	// connection with <stream:error><ack …/></stream:error>, as was seen after stanzas that a client
	// never acknowledged (Cobalt, issue 592). No source says how long WhatsApp waits. Zero, the
	// default, waits forever.
	AckWithin time.Duration
	// Control serves [Server.Handler] at the address for clients too, by https. Test suites that were
	// made for the mock server bartender expect their phone there.
	Control bool
	// Trace, if set, is called with every stanza that clients send and get, in the order of each
	// direction of a connection, and from several goroutines at once. It must return soon, and must not
	// send anything itself. See also [Server.Traces].
	Trace func(Traced)
	// HoldRefused keeps a message that a client refuses (an acknowledgement with an error) and sends it
	// alone at every login, until the client acknowledges it without one. This was seen of a status that
	// Baileys refused with 500 (Baileys pull 2779). No source says for which messages and codes WhatsApp
	// does so: here it is for all. By default, what is refused is settled.
	HoldRefused bool
	// Lenient forgives what a client gets wrong: acknowledgements and receipts that name a stanza
	// wrongly, and stanzas that do not exist. By default they end the connection with <stream:error>, as
	// was seen at WhatsApp (whatsapp-rust pulls 633 and 649, yowsup issue 856). WhatsApp takes its time
	// to do so, and no source says how long.
	Lenient bool
	// Logger receives connections and refused requests, never numbers, texts or
	// keys. If nil, they are discarded.
	Logger *slog.Logger
}

// A Server is a loopback WhatsApp. Create one with Start.
type Server struct {
	now      func() time.Time
	started  time.Time
	log      *slog.Logger
	state    string
	primer   int
	patience time.Duration // Config.AckWithin
	holds    bool          // Config.HoldRefused
	lenient  bool
	listener net.Listener
	http     *http.Server
	keys     serverKeys
	ledger   *Ledger
	trace    tracer
	media    mediaStore
	cancel   context.CancelFunc
	ctx      context.Context
	work     sync.WaitGroup

	mu       sync.RWMutex
	phones   map[types.JID]*Phone // by number and by LID, both bare
	people   []*Phone             // in the order of their creation
	groups   map[types.JID]*Group
	conns    map[*conn]struct{}
	pairing  map[string]*registration // by QR reference and by pairing reference
	step     PairingStep
	refusals struct{ status, times int }
	unknown  map[string]int
	asked    []NumberLookup
	closed   bool

	acks    atomic.Pointer[AckRule]
	tokens  atomic.Int64  // a Tokens
	latency atomic.Int64  // in nanoseconds
	serial  atomic.Uint64 // generates numbers, LIDs and ids that need only be unique
	aliases atomic.Uint64
}

// Start listens and returns a running server. It fails if the address is taken
// or not loopback, or if Config.StateFile exists and cannot be read.
func Start(c Config) (*Server, error) {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := requireLoopback(c.Listen); err != nil {
		return nil, err
	}
	state, err := readState(c.StateFile)
	if err != nil {
		return nil, fmt.Errorf("read state: %w", err)
	}
	id, err := newServerKeys(state.Keys, time.Now())
	if err != nil {
		return nil, err
	}
	s := &Server{
		now: c.Now, started: c.Now(), log: c.Logger, state: c.StateFile, primer: c.Primer, patience: c.AckWithin,
		holds: c.HoldRefused, lenient: c.Lenient, keys: id,
		ledger:  newLedger(),
		phones:  make(map[types.JID]*Phone),
		groups:  make(map[types.JID]*Group),
		conns:   make(map[*conn]struct{}),
		pairing: make(map[string]*registration),
		unknown: make(map[string]int),
	}
	if c.Trace != nil {
		s.trace.add(c.Trace)
	}
	s.SetLatency(c.Latency)
	s.SetTokens(c.Tokens)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.load(state); err != nil {
		s.cancel()
		return nil, fmt.Errorf("read state: %s: %w", c.StateFile, err)
	}
	if s.listener, err = new(net.ListenConfig).Listen(s.ctx, "tcp", c.Listen); err != nil {
		s.cancel()
		return nil, fmt.Errorf("listen: %w", err)
	}
	if c.StateFile != "" && state.Keys == nil { // foreign clients may trust it from now on
		if err := s.Save(c.StateFile); err != nil {
			s.cancel()
			_ = s.listener.Close()
			return nil, err
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ws/chat", s.serveSocket)
	mux.HandleFunc("GET /media/{name}", s.serveMedia)
	mux.HandleFunc("POST /mms/{kind}/{token}", s.takeMedia)
	if c.Control {
		mux.Handle("/", s.Handler())
	}
	s.http = &http.Server{
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		TLSNextProto:      map[string]func(*http.Server, *tls.Conn, http.Handler){}, // WebSocket needs HTTP/1.1
	}
	s.work.Add(1)
	go func() {
		defer s.work.Done()
		_ = s.http.Serve(tls.NewListener(s.listener, id.tls.server)) // ends with Close
	}()
	return s, nil
}

// Close disconnects everyone, writes the state file if there is one, and returns when nothing of the
// server runs any more.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	conns := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	s.mu.Unlock()
	s.cancel()
	for _, c := range conns {
		c.close()
	}
	err := s.http.Close()
	s.work.Wait()
	s.ledger.close()
	if s.state != "" {
		err = errors.Join(err, s.Save(s.state))
	}
	return err
}

// URL returns the WebSocket address that replaces
// wss://web.whatsapp.com/ws/chat.
func (s *Server) URL() string { return "wss://" + s.listener.Addr().String() + "/ws/chat" }

// CAPEM returns the PEM certificate of the authority that signed the server's
// TLS certificate. It is new at each Start, unless Config.StateFile keeps it.
func (s *Server) CAPEM() []byte { return s.keys.tls.caPEM }

// Ledger returns the record of what was sent, acknowledged and answered.
func (s *Server) Ledger() *Ledger { return s.ledger }

// Phone returns the phone with a number (digits) or LID (digits, with or
// without "@lid"), and reports whether there is one.
func (s *Server) Phone(number string) (*Phone, bool) {
	jid, err := parseAddress(number)
	if err != nil {
		return nil, false
	}
	if p := s.phone(jid); p != nil {
		return p, true
	}
	p := s.phone(types.NewJID(jid.User, types.HiddenUserServer))
	return p, p != nil
}

// Phones returns all phones in the order of their creation.
func (s *Server) Phones() []*Phone {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return append([]*Phone(nil), s.people...)
}

func (s *Server) phone(jid types.JID) *Phone {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.phones[jid.ToNonAD()]
}

func (s *Server) group(jid types.JID) *Group {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.groups[jid.ToNonAD()]
}

// UnknownRequests returns how many requests (iq stanzas) were refused with 501
// because the server does not know them, by namespace and first child.
func (s *Server) UnknownRequests() map[string]int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return maps.Clone(s.unknown)
}

func (s *Server) countUnknown(what string) {
	s.mu.Lock()
	s.unknown[what]++
	s.mu.Unlock()
	s.log.Debug("refused unknown request", "what", what)
}

// nextID returns an id that this server gives to no other stanza.
func (s *Server) nextID() string {
	return strconv.FormatUint(s.serial.Add(1), 10) + "-" + strconv.FormatInt(s.now().UnixMilli(), 36)
}

// spawn runs f in a goroutine that Close waits for. It returns false, without
// running f, once the server is closed.
func (s *Server) spawn(f func()) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return false
	}
	s.work.Go(f)
	return true
}

func requireLoopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("listen address: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("listen address %q is not a loopback IP address; this server is for loopback only", addr)
	}
	return nil
}

func sign(kp *keys.KeyPair, message []byte) []byte {
	sig := ecc.CalculateSignature(ecc.NewDjbECPrivateKey(*kp.Priv), message)
	return sig[:]
}
