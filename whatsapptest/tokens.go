package whatsapptest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"maps"
	"slices"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waHistorySync"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// Tokens selects how WhatsApp treats privacy tokens. A person gives one to each account that they
// write to, and the account's messages to them carry it.
type Tokens int

const (
	// TokensGiven lets people give tokens. Messages without one are accepted.
	TokensGiven Tokens = iota
	// TokensRequired refuses private messages without a valid token with 463, including answers to
	// people who wrote first (Baileys issues 2441 and 2698, whatsmeow issues 1074 and 1148). A message
	// encrypted again needs none, because whatsmeow sends none with it.
	TokensRequired
	// NoTokens is a WhatsApp without tokens.
	NoTokens
)

// Each span of time has new tokens, which are valid for four spans (whatsmeow tctoken.go).
const (
	tokenSpan  = 7 * 24 * time.Hour
	tokenSpans = 4
)

func spanOf(t time.Time) int64 { return t.Unix() / int64(tokenSpan.Seconds()) }

// token is what one account gave to another.
type token struct {
	Value []byte    `json:"value"`
	At    time.Time `json:"at"`
}

// SetTokens changes Config.Tokens.
func (s *Server) SetTokens(t Tokens) { s.tokens.Store(int64(t)) }

func (s *Server) tokenRule() Tokens { return Tokens(s.tokens.Load()) }

// GiveToken gives a new privacy token to another account, as a phone does when it writes to the
// account for the first time in a week. The account's linked clients get it.
func (p *Phone) GiveToken(to *Phone) { p.giveToken(to, p.srv.now()) }

func (p *Phone) giveToken(to *Phone, at time.Time) {
	if p.srv.tokenRule() == NoTokens || p == to {
		return
	}
	t := token{randomBytes(16), at}
	to.mu.Lock()
	if to.tokens == nil {
		to.tokens = make(map[string][]token)
	}
	old := slices.DeleteFunc(slices.Clone(to.tokens[p.pn().User]), func(t token) bool { return t.expired(p.srv.now()) })
	to.tokens[p.pn().User] = append(old, t)
	to.mu.Unlock()
	addressing := p.addressing
	if p.hidesFrom(to) {
		addressing = LIDOnly
	}
	n := waBinary.Node{
		Tag: "notification", Attrs: addressing.about(p),
		Content: []waBinary.Node{{Tag: "tokens", Content: []waBinary.Node{{
			Tag: "token", Attrs: waBinary.Attrs{"type": "trusted_contact", "t": at.Unix()}, Content: t.Value,
		}}}},
	}
	n.Attrs["type"] = "privacy_token"
	for _, d := range to.Devices() {
		d.queueNotification(n)
	}
}

// about returns the attributes that name an account in a notification (yowsup
// issue 3136; whatsmeow handlePrivacyTokenNotification).
func (a Addressing) about(p *Phone) waBinary.Attrs {
	switch a {
	case LIDOnly:
		return waBinary.Attrs{"from": p.lid}
	case NumberOnly:
		return waBinary.Attrs{"from": p.pn()}
	default:
		return waBinary.Attrs{"from": p.pn(), "sender_lid": p.lid}
	}
}

// giveTokenIfDue gives an account a token after a message to it, if one is due.
func (p *Phone) giveTokenIfDue(to types.JID) {
	other := p.srv.phone(to)
	if other == nil || p.keepsTokens {
		return
	}
	now := p.srv.now()
	other.mu.Lock()
	given := other.tokens[p.pn().User]
	due := len(given) == 0 || spanOf(given[len(given)-1].At) < spanOf(now)
	other.mu.Unlock()
	if due {
		p.giveToken(other, now)
	}
}

func (t token) expired(now time.Time) bool { return spanOf(t.At) <= spanOf(now)-tokenSpans }

// giveTokens gives the tokens that a linked client asks the server to give.
func (d *Device) giveTokens(request waBinary.Node) {
	for _, child := range request.GetChildrenByTag("token") {
		ag := child.AttrGetter()
		if to := d.srv.phone(ag.OptionalJIDOrEmpty("jid")); to != nil && ag.OptionalString("type") == "trusted_contact" {
			d.phone.giveToken(to, d.srv.now())
		}
	}
}

// trusted reports whether a private message carries a token that lets it pass: one that the addressee
// gave, or one made from our account's salt and the addressee's LID (whatsmeow cstoken.go). No source
// tells for which messages the latter is enough. Here it is for all.
func (d *Device) trusted(n *waBinary.Node, to *Phone) bool {
	now := d.srv.now()
	d.phone.mu.Lock()
	defer d.phone.mu.Unlock()
	if shown, ok := n.GetChildByTag("tctoken").Content.([]byte); ok {
		return slices.ContainsFunc(d.phone.tokens[to.pn().User], func(t token) bool {
			return bytes.Equal(t.Value, shown) && !t.expired(now)
		})
	}
	shown, ok := n.GetChildByTag("cstoken").Content.([]byte)
	if !ok || len(d.phone.salt) == 0 {
		return false
	}
	mac := hmac.New(sha256.New, d.phone.salt)
	mac.Write([]byte(to.lid.String()))
	return hmac.Equal(mac.Sum(nil), shown)
}

// tokenHistory returns the part of a phone's history that contains the tokens that the account
// received before.
func (p *Phone) tokenHistory() *waHistorySync.HistorySync {
	history := &waHistorySync.HistorySync{SyncType: waHistorySync.HistorySync_INITIAL_BOOTSTRAP.Enum()}
	p.mu.Lock()
	tokens := maps.Clone(p.tokens)
	p.mu.Unlock()
	history.NctSalt = p.salt
	for number, given := range tokens {
		from := p.srv.phone(types.NewJID(number, types.DefaultUserServer))
		latest := given[len(given)-1]
		if from == nil || p.srv.tokenRule() == NoTokens {
			continue
		}
		chat := from.lid
		if numbered := from.addressing == NumberFirst || from.addressing == NumberOnly; numbered && !from.hidesFrom(p) {
			chat = from.pn()
		}
		history.Conversations = append(history.Conversations, &waHistorySync.Conversation{
			ID: proto.String(chat.String()), TcToken: latest.Value, TcTokenTimestamp: proto.Uint64(uint64(latest.At.Unix())),
		})
	}
	return history
}
