package whatsapptest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// A Group is a group chat. Its members are phones, with all their linked
// clients.
type Group struct {
	srv     *Server
	jid     types.JID
	subject string
	byLID   bool
	created time.Time
	acks    atomic.Pointer[AckRule]

	mu      sync.Mutex
	members []*Phone
}

// GroupConfig describes a group.
type GroupConfig struct {
	// Subject is the group's name.
	Subject string
	// ByLID makes the group name its members by LID, as new groups do. Otherwise
	// it names them by number.
	ByLID bool
	// Members are the phones in it.
	Members []*Phone
}

// NewGroup creates a group. Outgoing.To takes its ID.
func (s *Server) NewGroup(c GroupConfig) *Group {
	g := &Group{srv: s, subject: c.Subject, byLID: c.ByLID, created: s.now(), members: slices.Clone(c.Members)}
	s.mu.Lock()
	defer s.mu.Unlock()
	g.jid = types.NewJID(fmt.Sprintf("12036300000%07d", s.aliases.Add(1)), types.GroupServer)
	s.groups[g.jid] = g
	return g
}

// Groups returns all groups in the order of their ids, which is that of their creation.
func (s *Server) Groups() []*Group {
	s.mu.RLock()
	defer s.mu.RUnlock()
	byID := func(a, b *Group) int { return strings.Compare(a.jid.User, b.jid.User) }
	return slices.SortedFunc(maps.Values(s.groups), byID)
}

// ID returns the group's address, "…@g.us".
func (g *Group) ID() string { return g.jid.String() }

// Members returns the phones in the group.
func (g *Group) Members() []*Phone {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.members)
}

// Add adds a phone to the group, if it is not a member yet. The clients of all members learn of it.
func (g *Group) Add(p *Phone) {
	g.mu.Lock()
	added := !slices.Contains(g.members, p)
	if added {
		g.members = append(g.members, p)
	}
	g.mu.Unlock()
	if added {
		g.changed("add", p, g.Members())
	}
}

// Remove removes a phone from the group. Its clients and those of all members learn of it.
func (g *Group) Remove(p *Phone) {
	members := g.Members()
	g.mu.Lock()
	g.members = slices.DeleteFunc(g.members, func(m *Phone) bool { return m == p })
	g.mu.Unlock()
	if slices.Contains(members, p) {
		g.changed("remove", p, members)
	}
}

// changed notifies clients of a change of the members (whatsmeow group.go, parseGroupChange;
// whatsapp-rust wacore/src/stanza/groups.rs). The change is the first member's doing, as the admin's.
func (g *Group) changed(how string, p *Phone, hearers []*Phone) {
	admin := hearers[0]
	attrs := waBinary.Attrs{
		"from": g.jid, "type": "w:gp2", "participant": g.address(admin), "notify": admin.Name(), "addressing_mode": g.mode(),
	}
	for _, hearer := range hearers {
		attrs := cloneAttrs(attrs)
		if g.byLID && !admin.hidesFrom(hearer) {
			attrs["participant_pn"] = admin.pn()
		}
		n := waBinary.Node{Tag: "notification", Attrs: attrs, Content: []waBinary.Node{{
			Tag: how, Content: []waBinary.Node{g.participant(p, hearer)},
		}}}
		for _, d := range hearer.Devices() {
			d.queueNotification(n)
			d.soil("groups")
		}
	}
}

// address returns how the group names a member.
func (g *Group) address(p *Phone) types.JID {
	if g.byLID {
		return p.lid
	}
	return p.pn()
}

func (g *Group) mode() string {
	if g.byLID {
		return string(types.AddressingModeLID)
	}
	return string(types.AddressingModePN)
}

// participant returns how the group lists a member for an account.
func (g *Group) participant(p, reader *Phone) waBinary.Node {
	attrs := waBinary.Attrs{"jid": g.address(p)}
	switch {
	case !g.byLID:
		attrs["lid"] = p.lid
	case !p.hidesFrom(reader):
		attrs["phone_number"] = p.pn()
	}
	return waBinary.Node{Tag: "participant", Attrs: attrs}
}

// node returns the description of the group for an account, which whatsmeow's parseGroupNode
// reads.
func (g *Group) node(reader *Phone) waBinary.Node {
	members := g.Members()
	content := make([]waBinary.Node, 0, len(members))
	for i, p := range members {
		n := g.participant(p, reader)
		if i == 0 {
			n.Attrs["type"] = "superadmin"
		}
		content = append(content, n)
	}
	attrs := waBinary.Attrs{
		"id": g.jid.User, "subject": g.subject, "creation": g.created.Unix(), "s_t": g.created.Unix(),
		"size": len(members), "addressing_mode": g.mode(),
	}
	if len(members) > 0 {
		attrs["creator"] = g.address(members[0])
	}
	return waBinary.Node{Tag: "group", Attrs: attrs, Content: content}
}

// dispatchGroup encrypts once with the sender's key for the group and hands that
// key to clients that lack it; the caller holds h.mu.
func (m *sentMessage) dispatchGroup(readers []*Phone) error {
	h := m.from
	ciphertext, key, err := h.encryptGroup(m.to, m.plain)
	if err != nil {
		return err
	}
	for _, reader := range readers {
		for _, d := range reader.Devices() {
			content, err := m.groupContent(d, ciphertext, key)
			if err != nil {
				return fmt.Errorf("to linked device %d: %w", d.Number(), err)
			}
			m.hand(d, waBinary.Node{Tag: "message", Attrs: m.groupAttrs(d), Content: content}, 0)
		}
	}
	return nil
}

func (m *sentMessage) groupContent(d *Device, ciphertext, key []byte) ([]waBinary.Node, error) {
	if m.absent {
		return m.unavailable(), nil
	}
	h := m.from
	attrs := m.encAttrs(0)
	attrs["type"] = "skmsg"
	content := []waBinary.Node{{Tag: "enc", Attrs: attrs, Content: slices.Clone(ciphertext)}}
	if h.handed[m.to][d.lid] {
		return m.content(content...), nil
	}
	plain, err := proto.Marshal(keyDistribution(m.to, key))
	if err != nil {
		return nil, err
	}
	enc, err := h.encryptFor(d, plain, waBinary.Attrs{"v": "2"})
	if err != nil {
		return nil, err
	}
	if h.handed == nil {
		h.handed = make(map[types.JID]map[types.JID]bool)
	}
	if h.handed[m.to] == nil {
		h.handed[m.to] = make(map[types.JID]bool)
	}
	h.handed[m.to][d.lid] = true
	return m.content(append([]waBinary.Node{enc}, content...)...), nil
}

func keyDistribution(group types.JID, key []byte) *waE2E.Message {
	return &waE2E.Message{SenderKeyDistributionMessage: &waE2E.SenderKeyDistributionMessage{
		GroupID: proto.String(group.String()), AxolotlSenderKeyDistributionMessage: key,
	}}
}

func (m *sentMessage) groupAttrs(d *Device) waBinary.Attrs {
	h := m.from
	attrs := m.commonAttrs()
	attrs["from"] = m.to
	if edit := editAttribute(m.message); edit != "" {
		attrs["edit"] = edit
	}
	hidden := h.phone.hidesFrom(d.phone)
	byLID := hidden
	if g := h.phone.srv.group(m.to); g != nil {
		attrs["addressing_mode"] = g.mode()
		byLID = g.byLID
	}
	switch {
	case !byLID:
		attrs["participant"], attrs["participant_lid"] = h.pn(), h.phone.lid
	case hidden:
		attrs["participant"] = h.lid()
	default:
		attrs["participant"], attrs["participant_pn"] = h.lid(), h.phone.pn()
	}
	return attrs
}
