package whatsapptest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.mau.fi/libsignal/state/record"
	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/util/keys"
)

// The state file is JSON. It is for the next start of the same version, not for other readers:
// stateVersion changes whenever the format does.
const stateVersion = 3

type savedServer struct {
	Version int          `json:"version"`
	Aliases uint64       `json:"aliases"`
	Phones  []savedPhone `json:"phones"`
	Groups  []savedGroup `json:"groups,omitempty"`

	Keys *savedKeys `json:"keys,omitempty"`
}

type savedPhone struct {
	Number     string        `json:"number"`
	LID        string        `json:"lid"`
	Name       string        `json:"name,omitempty"`
	Username   string        `json:"username,omitempty"`
	Business   string        `json:"business,omitempty"`
	Addressing Addressing    `json:"addressing,omitempty"`
	Move       Move          `json:"move,omitempty"`
	Lookup     Lookup        `json:"lookup,omitempty"`
	Refused    [2]int        `json:"refused"`
	Quiet      bool          `json:"quiet,omitempty"`
	Salt       []byte        `json:"salt,omitempty"`
	LastDevice uint16        `json:"last_device,omitempty"`
	Listed     time.Time     `json:"listed"`
	Handsets   []savedSet    `json:"handsets"`
	Devices    []savedDevice `json:"devices,omitempty"`
	Inbox      []savedText   `json:"inbox,omitempty"`
	AppKeyID   []byte        `json:"app_key_id,omitempty"`
	AppKey     []byte        `json:"app_key,omitempty"`

	Patches     map[string][][]byte `json:"patches,omitempty"`
	Tokens      map[string][]token  `json:"tokens,omitempty"`
	KeepsTokens bool                `json:"keeps_tokens,omitempty"`
}

type savedText struct {
	ID         string        `json:"id"`
	From       string        `json:"from"`
	Group      string        `json:"group,omitempty"`
	Text       string        `json:"text"`
	At         time.Time     `json:"at"`
	Expiration time.Duration `json:"expiration,omitempty"`
	Revoked    bool          `json:"revoked,omitempty"`
	Taken      bool          `json:"taken,omitempty"`
}

type savedSet struct {
	Number       uint16            `json:"number"`
	Identity     []byte            `json:"identity,omitempty"` // private keys, here and below
	Registration uint32            `json:"registration,omitempty"`
	Signed       *savedPreKey      `json:"signed,omitempty"`
	OneTime      []savedPreKey     `json:"one_time,omitempty"`
	LastOneTime  uint32            `json:"last_one_time,omitempty"`
	Sessions     map[string][]byte `json:"sessions,omitempty"` // by JID
}

type savedPreKey struct {
	ID        uint32 `json:"id"`
	Key       []byte `json:"key"` // private of a handset's, public of a client's
	Signature []byte `json:"signature,omitempty"`
}

type savedDevice struct {
	Number       uint16        `json:"number"`
	NoiseKey     []byte        `json:"noise_key"`
	Identity     []byte        `json:"identity"`
	Registration uint32        `json:"registration"`
	Signed       savedPreKey   `json:"signed"`
	OneTime      []savedPreKey `json:"one_time,omitempty"`
	KnowsKeys    bool          `json:"knows_keys"`
	KnowsName    bool          `json:"knows_name"`
	Proof        []byte        `json:"proof,omitempty"`
	Queue        []savedParcel `json:"queue,omitempty"`
}

type savedParcel struct {
	Class string `json:"class"`
	Node  []byte `json:"node"`
}

type savedGroup struct {
	ID      string    `json:"id"`
	Subject string    `json:"subject"`
	ByLID   bool      `json:"by_lid,omitempty"`
	Created time.Time `json:"created"`
	Members []string  `json:"members"`
}

// Save writes phones with their messages, linked clients with their queues, and groups to a file that
// Config.StateFile reads. It may be called while the server runs. Close calls it if Config.StateFile
// is set. It does not save the ledger, faults, or the data for retries of earlier messages. Group
// members distribute their keys again. Who has seen the number of a person with a username is forgotten.
// Clients learn of changed devices only after they have asked
// again.
func (s *Server) Save(path string) error {
	state := savedServer{Version: stateVersion, Aliases: s.aliases.Load()}
	var err error
	if state.Keys, err = s.keys.save(); err != nil {
		return fmt.Errorf("save keys: %w", err)
	}
	for _, p := range s.Phones() {
		saved, err := p.save()
		if err != nil {
			return fmt.Errorf("save phone: %w", err)
		}
		state.Phones = append(state.Phones, saved)
	}
	s.mu.RLock()
	for _, g := range s.groups {
		saved := savedGroup{ID: g.jid.User, Subject: g.subject, ByLID: g.byLID, Created: g.created}
		for _, p := range g.Members() {
			saved.Members = append(saved.Members, p.pn().User)
		}
		state.Groups = append(state.Groups, saved)
	}
	s.mu.RUnlock()
	data, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	return replaceFile(path, data)
}

// replaceFile writes beside the file and renames, so that a crash leaves the old one whole.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write state: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

func (p *Phone) save() (savedPhone, error) {
	saved, parts, devices := p.saveOwn()
	// p.mu is not held, because a sender holds a handset and then asks for the phone's devices.
	for _, d := range devices {
		device, err := d.save()
		if err != nil {
			return saved, err
		}
		saved.Devices = append(saved.Devices, device)
	}
	for _, h := range parts {
		saved.Handsets = append(saved.Handsets, h.save())
	}
	return saved, nil
}

func (p *Phone) saveOwn() (saved savedPhone, parts []*handset, devices []*Device) {
	p.mu.Lock()
	defer p.mu.Unlock()
	saved = savedPhone{
		Number: p.pn().User, LID: p.lid.User, Name: p.Name(), Username: p.user, Business: p.business, Quiet: p.quiet,
		Addressing: p.addressing, Move: p.move, Lookup: p.lookup, Refused: p.refused,
		Salt: p.salt, Tokens: maps.Clone(p.tokens), KeepsTokens: p.keepsTokens,
		LastDevice: p.lastNo, Listed: p.listed,
		AppKeyID: p.share.keyID, AppKey: p.share.key, Patches: maps.Clone(p.share.patches),
	}
	for _, m := range p.inbox {
		saved.Inbox = append(saved.Inbox, savedText{
			m.ID, m.From, m.Group, m.Text, m.At, m.Expiration, m.Revoked, m.taken,
		})
	}
	for _, d := range p.devices {
		if !d.removed.Load() {
			devices = append(devices, d)
		}
	}
	return saved, slices.Clone(p.parts), devices
}

func (h *handset) save() savedSet {
	h.mu.Lock()
	defer h.mu.Unlock()
	saved := savedSet{Number: h.number}
	if h.chain == nil {
		return saved
	}
	k := h.chain
	saved.Identity, saved.Registration, saved.LastOneTime = k.identity.Priv[:], k.registration, k.lastOneTime
	saved.Signed = &savedPreKey{k.signed.KeyID, k.signed.Priv[:], k.signed.Signature[:]}
	for id, once := range k.oneTime {
		private := once.KeyPair().PrivateKey().Serialize()
		saved.OneTime = append(saved.OneTime, savedPreKey{ID: id, Key: private[:]})
	}
	saved.Sessions = make(map[string][]byte)
	for jid, p := range h.peers {
		if p.session != nil {
			saved.Sessions[jid.String()] = p.session.Serialize()
		}
	}
	return saved
}

func (d *Device) save() (savedDevice, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	saved := savedDevice{
		Number: d.jid.Device, NoiseKey: d.noiseKey[:], Identity: d.identity[:], Registration: d.registration,
		Signed: publicPreKey(d.signed), KnowsKeys: d.knowsKeys, KnowsName: d.knowsName, Proof: d.proof,
	}
	for _, k := range d.oneTime {
		saved.OneTime = append(saved.OneTime, publicPreKey(k))
	}
	for _, entry := range d.waiting() {
		node, err := waBinary.Marshal(entry.node)
		if err != nil {
			return saved, fmt.Errorf("encode queue: %w", err)
		}
		saved.Queue = append(saved.Queue, savedParcel{entry.key.class, node})
	}
	return saved, nil
}

func publicPreKey(k *keys.PreKey) savedPreKey {
	saved := savedPreKey{ID: k.KeyID, Key: k.Pub[:]}
	if k.Signature != nil {
		saved.Signature = k.Signature[:]
	}
	return saved
}

// readState reads a state file. No file, or a missing one, is an empty state.
func readState(path string) (state savedServer, err error) {
	if path == "" {
		return state, nil
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return state, nil
	}
	if err != nil {
		return state, err
	}
	if err := json.Unmarshal(data, &state); err != nil {
		return state, fmt.Errorf("%s: %w", path, err)
	}
	if state.Version != stateVersion {
		return state, fmt.Errorf("%s has version %d, not %d; remove it to start over", path, state.Version, stateVersion)
	}
	return state, nil
}

// load takes a state into a server that does not run yet.
func (s *Server) load(state savedServer) error {
	s.aliases.Store(state.Aliases)
	for _, saved := range state.Phones {
		if err := s.loadPhone(saved); err != nil {
			return err
		}
	}
	for _, saved := range state.Groups {
		g := &Group{
			srv: s, jid: types.NewJID(saved.ID, types.GroupServer),
			subject: saved.Subject, byLID: saved.ByLID, created: saved.Created,
		}
		for _, number := range saved.Members {
			if p, ok := s.Phone(number); ok {
				g.members = append(g.members, p)
			}
		}
		s.groups[g.jid] = g
	}
	return nil
}

var errDamaged = errors.New("state file is damaged")

func (s *Server) loadPhone(saved savedPhone) error {
	p, err := s.AddPhone(PhoneConfig{
		Number: saved.Number, LID: saved.LID, Name: saved.Name, Business: saved.Business, Quiet: saved.Quiet,
		Username: saved.Username, Addressing: saved.Addressing, Move: saved.Move, Lookup: saved.Lookup,
		Salt: saved.Salt, KeepsTokens: saved.KeepsTokens,
	})
	if err != nil {
		return err
	}
	p.refused, p.tokens = saved.Refused, saved.Tokens
	for _, m := range saved.Inbox {
		p.show(Message{
			ID: m.ID, From: m.From, Group: m.Group, Text: m.Text, At: m.At, Expiration: m.Expiration,
			Revoked: m.Revoked, Full: TextMessage(m.Text),
		})
		if len(p.inbox) > 0 {
			p.inbox[len(p.inbox)-1].taken = m.Taken
		}
	}
	p.lastNo, p.listed = saved.LastDevice, saved.Listed
	if saved.AppKey != nil {
		p.share = appStateShare{keyID: saved.AppKeyID, key: saved.AppKey, patches: saved.Patches}
		if p.share.patches == nil {
			p.share.patches = make(map[string][][]byte)
		}
	}
	p.parts = nil
	for _, set := range saved.Handsets {
		h := newHandset(p, set.Number)
		if err := h.load(set); err != nil {
			return err
		}
		p.parts = append(p.parts, h)
	}
	if len(p.parts) == 0 || p.parts[0].number != 0 {
		return errDamaged
	}
	for _, device := range saved.Devices {
		d, err := p.loadDevice(device)
		if err != nil {
			return err
		}
		p.devices = append(p.devices, d)
	}
	return nil
}

func (h *handset) load(saved savedSet) error {
	if saved.Identity == nil {
		return nil
	}
	if len(saved.Identity) != 32 || saved.Signed == nil || len(saved.Signed.Key) != 32 ||
		len(saved.Signed.Signature) != 64 {
		return errDamaged
	}
	signed := &keys.PreKey{
		KeyPair: *keys.NewKeyPairFromPrivateKey([32]byte(saved.Signed.Key)),
		KeyID:   saved.Signed.ID, Signature: (*[64]byte)(saved.Signed.Signature),
	}
	h.chain = newKeychain(keys.NewKeyPairFromPrivateKey([32]byte(saved.Identity)), signed, saved.Registration)
	h.chain.lastOneTime = saved.LastOneTime
	for _, k := range saved.OneTime {
		if len(k.Key) != 32 {
			return errDamaged
		}
		h.chain.oneTime[k.ID] = record.NewPreKey(k.ID, ecKeyPair(keys.NewKeyPairFromPrivateKey([32]byte(k.Key))), nil)
	}
	for name, raw := range saved.Sessions {
		jid, err := types.ParseJID(name)
		if err != nil {
			return errDamaged
		}
		if h.peer(jid).session, err = record.NewSessionFromBytes(raw, serializer.Session, serializer.State); err != nil {
			return fmt.Errorf("%w: session: %w", errDamaged, err)
		}
	}
	return nil
}

func (p *Phone) loadDevice(saved savedDevice) (*Device, error) {
	if len(saved.NoiseKey) != 32 || len(saved.Identity) != 32 {
		return nil, errDamaged
	}
	d := &Device{
		srv: p.srv, phone: p, jid: withDevice(p.pn(), saved.Number), lid: withDevice(p.lid, saved.Number),
		noiseKey: [32]byte(saved.NoiseKey), identity: [32]byte(saved.Identity), registration: saved.Registration,
		knowsKeys: saved.KnowsKeys, knowsName: saved.KnowsName, proof: saved.Proof,
	}
	var err error
	if d.signed, err = saved.Signed.public(); err != nil {
		return nil, err
	}
	for _, k := range saved.OneTime {
		once, err := k.public()
		if err != nil {
			return nil, err
		}
		d.oneTime = append(d.oneTime, once)
	}
	for _, entry := range saved.Queue {
		raw, err := waBinary.Unpack(entry.Node)
		if err != nil {
			return nil, errDamaged
		}
		n, err := waBinary.Unmarshal(raw)
		if err != nil {
			return nil, errDamaged
		}
		key := messageKey(*n)
		key.class = entry.Class
		d.deliver(key, *n)
	}
	return d, nil
}

func (k savedPreKey) public() (*keys.PreKey, error) {
	if len(k.Key) != 32 || (k.Signature != nil && len(k.Signature) != 64) {
		return nil, errDamaged
	}
	p := &keys.PreKey{KeyID: k.ID}
	p.Pub = (*[32]byte)(k.Key)
	if k.Signature != nil {
		p.Signature = (*[64]byte)(k.Signature)
	}
	return p, nil
}
