package whatsapptest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

// PhoneConfig describes a person's phone. The zero value gets a generated number.
type PhoneConfig struct {
	// Number is the phone number in digits with country code. If empty, one is generated: 1555
	// followed by seven digits.
	Number string
	// LID is the hidden id in digits. If empty, one is generated.
	LID string
	// Name is the push name that goes with its messages. Empty sends none.
	Name string
	// Username hides the number from accounts that have not seen it lately, see [Phone.SetUsername].
	Username string
	// Addressing is how the phone appears to others. Defaults to LIDFirst.
	Addressing Addressing
	// Move is how far the account's move to LIDs is. Defaults to Moving.
	Move Move
	// Lookup is what clients that ask about the number learn. Defaults to LookupAll.
	Lookup Lookup
	// KeepsTokens makes the phone give no privacy tokens by itself. See
	// [Phone.GiveToken].
	KeepsTokens bool
	// Salt is the account's secret for tokens to people who have given it none. New clients learn it
	// from the history. If empty, there is none.
	Salt []byte
	// Business is the verified name of a business account. Its messages carry it. If empty, the
	// account is a person's.
	Business string
	// Quiet withholds the delivery receipts for messages that the phone can read.
	Quiet bool
}

// A Phone is one simulated person: a number, a LID, a primary device, possibly simulated companion
// devices (AddCompanion), and linked clients (Scan, EnterCode).
type Phone struct {
	srv        *Server
	lid        types.JID
	name       atomic.Pointer[string]
	addressing Addressing
	lookup     Lookup
	business   string
	quiet      bool
	salt       []byte
	outdated   atomic.Bool // others hold an outdated LID

	keepsTokens bool

	acks   atomic.Pointer[AckRule]
	number atomic.Pointer[types.JID] // changed with srv.mu held

	mu      sync.Mutex
	move    Move
	user    string               // the username, or empty
	shownTo map[*Phone]time.Time // when accounts last saw the number
	refused [2]int               // codes, by AddressForm
	parts   []*handset           // [0] is the phone itself, then its companions
	devices []*Device            // linked clients, including removed ones, in order of linking
	tokens  map[string][]token   // given to the account, by the giver's number, oldest first
	lastNo  uint16               // the highest device number given so far
	listed  time.Time            // when the list of devices changed
	toldTo  map[*Device]bool     // other accounts' clients that learn of changes to it
	inbox   []*shownMessage
	seen    map[seenKey]bool
	arrived chan struct{} // closed and replaced when the inbox grows
	sent    map[string]*sentMessage
	order   []string // ids in sent, oldest first
	share   appStateShare
	offline bool
}

// shownMessage is a message in a phone's inbox.
type shownMessage struct {
	Message
	taken bool // Phone.Next has returned it
}

// seenKey identifies a message. Senders choose ids, so an id is not enough.
type seenKey struct{ from, id string }

// Message is one message as a phone shows it.
type Message struct {
	// ID is the sender's message id.
	ID string
	// From is the sender's number in digits, or "<lid>@lid" if the number is
	// hidden.
	From string
	// Group is the group's id ("…@g.us"), empty in a private chat.
	Group string
	// Text is what a person reads: plain or extended text, a caption, inside any wrapper.
	Text string
	// At is the time when the server received it.
	At time.Time
	// Expiration is the disappearing-message timer that came with it; zero for none.
	Expiration time.Duration
	// Revoked reports whether its sender has deleted it for everybody since. Text stays what it was.
	Revoked bool
	// Full is the whole decrypted message. It must not be changed.
	Full *waE2E.Message
}

var errTaken = errors.New("number or LID is taken")

// NewPhone adds a phone. Like a test helper, it panics if the configuration is
// wrong or the number or LID is taken. AddPhone returns an error instead.
func (s *Server) NewPhone(c PhoneConfig) *Phone {
	p, err := s.AddPhone(c)
	if err != nil {
		panic(err)
	}
	return p
}

// AddPhone adds a phone. Phones are cheap: keys are generated when first needed.
func (s *Server) AddPhone(c PhoneConfig) (*Phone, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c.Number == "" {
		n := "1555" + fmt.Sprintf("%07d", s.aliases.Add(1))
		if s.phones[types.NewJID(n, types.DefaultUserServer)] == nil {
			c.Number = n
		}
	}
	for c.LID == "" {
		l := strconv.FormatUint(100_000_000_000_000+s.aliases.Add(1), 10)
		if s.phones[types.NewJID(l, types.HiddenUserServer)] == nil {
			c.LID = l
		}
	}
	if !isDigits(c.Number) || !isDigits(c.LID) {
		return nil, errors.New("number and LID must be digits only")
	}
	p := &Phone{
		srv: s, addressing: c.Addressing, move: c.Move, lookup: c.Lookup, quiet: c.Quiet,
		business: c.Business,
		salt:     c.Salt, keepsTokens: c.KeepsTokens,
		listed:  s.now(),
		user:    c.Username,
		shownTo: make(map[*Phone]time.Time),
		lid:     types.NewJID(c.LID, types.HiddenUserServer),
		seen:    make(map[seenKey]bool),
		sent:    make(map[string]*sentMessage),
		arrived: make(chan struct{}),
	}
	number := types.NewJID(c.Number, types.DefaultUserServer)
	p.number.Store(&number)
	p.name.Store(&c.Name)
	p.parts = []*handset{newHandset(p, 0)}
	if s.phones[p.pn()] != nil || s.phones[p.lid] != nil {
		return nil, errTaken
	}
	s.phones[p.pn()], s.phones[p.lid] = p, p
	s.people = append(s.people, p)
	return p, nil
}

// Number returns the phone's number in digits, even if it is hidden from
// others.
func (p *Phone) Number() string { return p.pn().User }

// LID returns the phone's hidden id in digits, without "@lid".
func (p *Phone) LID() string { return p.lid.User }

// Name returns the push name.
func (p *Phone) Name() string { return *p.name.Load() }

// shown returns how others see the phone in Message.From and in the ledger.
func (p *Phone) shown() string {
	if p.addressing == LIDOnly {
		return p.lid.String()
	}
	return p.pn().User
}

// AddCompanion adds another simulated device to the phone (a WhatsApp Web in a
// browser) and returns its number, which Outgoing.Companion takes. A phone has
// at most 255 devices in its life, including linked clients.
func (p *Phone) AddCompanion() int {
	p.mu.Lock()
	p.lastNo++
	number := p.lastNo
	p.parts = append(p.parts, newHandset(p, number))
	p.mu.Unlock()
	p.devicesChanged("add", number)
	return int(number)
}

// Devices returns the clients that are now linked to the phone.
func (p *Phone) Devices() []*Device {
	p.mu.Lock()
	defer p.mu.Unlock()
	var linked []*Device
	for _, d := range p.devices {
		if !d.removed.Load() {
			linked = append(linked, d)
		}
	}
	return linked
}

// Device returns the linked client with that device number, or nil.
func (p *Phone) Device(number int) *Device {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.devices {
		if int(d.jid.Device) == number {
			return d
		}
	}
	return nil
}

// handset returns the simulated device with that number, or nil.
func (p *Phone) handset(number int) *handset {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.parts {
		if int(h.number) == number {
			return h
		}
	}
	return nil
}

// deviceNumbers returns the number of every device of the account, simulated or linked, in ascending
// order.
func (p *Phone) deviceNumbers() []uint16 {
	p.mu.Lock()
	defer p.mu.Unlock()
	numbers := make([]uint16, 0, len(p.parts)+len(p.devices))
	for _, h := range p.parts {
		numbers = append(numbers, h.number)
	}
	for _, d := range p.devices {
		if !d.removed.Load() {
			numbers = append(numbers, d.jid.Device)
		}
	}
	slices.Sort(numbers)
	return numbers
}

// parseAddress reads a number in digits, a LID ("…@lid") or a full JID.
func parseAddress(s string) (types.JID, error) {
	if isDigits(s) {
		return types.NewJID(s, types.DefaultUserServer), nil
	}
	if user, server, ok := strings.Cut(s, "@"); ok && user != "" && server != "" {
		jid, err := types.ParseJID(s)
		return jid.ToNonAD(), err
	}
	return types.JID{}, errors.New("address is neither digits nor a JID")
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
