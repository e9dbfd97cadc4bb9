package whatsapptest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"strings"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waAdv"
	"go.mau.fi/whatsmeow/types"
	"google.golang.org/protobuf/proto"
)

// devicesFor answers a client's question about the account's devices, and notifies the client of every
// change from now on.
func (p *Phone) devicesFor(d *Device, asked types.JID) waBinary.Node {
	p.mu.Lock()
	if p.toldTo == nil {
		p.toldTo = make(map[*Device]bool)
	}
	if d.phone != p {
		p.toldTo[d] = true
	}
	p.mu.Unlock()
	numbers := p.deviceNumbers()
	if p.lookup == LookupNoDevices && asked.Server == types.DefaultUserServer {
		numbers = nil
	}
	list := waBinary.Node{Tag: "device-list"}
	devices := make([]waBinary.Node, len(numbers))
	for i, number := range numbers {
		devices[i] = waBinary.Node{Tag: "device", Attrs: keyIndex(number, waBinary.Attrs{"id": int(number)})}
	}
	list.Content = devices
	content := []waBinary.Node{list}
	if len(numbers) > 1 {
		content = append(content, p.keyIndexList(true))
	}
	return waBinary.Node{Tag: "devices", Content: content}
}

// keyIndex adds the number under which an account has signed a device's key to
// its attributes. The phone itself has none (whatsmeow issue 859). Here the
// number is always that of the device.
func keyIndex(number uint16, attrs waBinary.Attrs) waBinary.Attrs {
	if number != 0 {
		attrs["key-index"] = int(number)
	}
	return attrs
}

// keyIndexList returns the list of devices that the account has signed, or only
// the time of its last change. WhatsApp Web refuses linked devices without it
// (whatsapp-rust issue 468). The format is that of a capture (whatsmeow issue
// 859), and the signature that of WhatsApp's security whitepaper.
func (p *Phone) keyIndexList(signed bool) waBinary.Node {
	numbers := p.deviceNumbers()
	p.mu.Lock()
	at, current := p.listed, uint32(p.lastNo)
	p.mu.Unlock()
	n := waBinary.Node{Tag: "key-index-list", Attrs: waBinary.Attrs{"ts": at.Unix()}}
	if !signed {
		return n
	}
	valid := make([]uint32, len(numbers))
	for i, number := range numbers {
		valid[i] = uint32(number)
	}
	account := p.account()
	details, err := proto.Marshal(&waAdv.ADVKeyIndexList{
		RawID: proto.Uint32(rawID(account.Pub)), Timestamp: proto.Uint64(uint64(at.Unix())),
		CurrentIndex: &current, ValidIndexes: valid, AccountType: waAdv.ADVEncryptionType_E2EE.Enum(),
	})
	if err == nil {
		n.Content, err = proto.Marshal(&waAdv.ADVSignedKeyIndexList{
			Details: details, AccountSignature: sign(account, concat([]byte{6, 2}, details)),
		})
	}
	if err != nil {
		p.srv.log.Error("cannot sign the list of devices", "error", err)
	}
	return n
}

// rawID returns the id that all lists signed by an account's key share.
func rawID(account *[32]byte) uint32 { return binary.BigEndian.Uint32(account[:]) }

// deviceHash returns the hash of the account's devices under one of its bare
// addresses (whatsmeow send.go, participantListHashV2).
func deviceHash(devices []types.JID) string {
	names := make([]string, len(devices))
	for i, d := range devices {
		names[i] = d.ADString()
	}
	slices.Sort(names)
	sum := sha256.Sum256([]byte(strings.Join(names, "")))
	return "2:" + base64.RawStdEncoding.EncodeToString(sum[:6])
}

func withDevices(address types.JID, numbers []uint16) []types.JID {
	devices := make([]types.JID, len(numbers))
	for i, number := range numbers {
		devices[i] = withDevice(address, number)
	}
	return devices
}

// devicesChanged tells clients that a device came ("add") or went ("remove"):
// those of other accounts that have asked for the devices, and the account's own.
func (p *Phone) devicesChanged(how string, number uint16) {
	p.mu.Lock()
	p.listed = p.srv.now()
	others := make([]*Device, 0, len(p.toldTo))
	for d := range p.toldTo {
		others = append(others, d)
	}
	p.mu.Unlock()
	if len(others) > 0 {
		n := p.changeNode(how, number)
		for _, d := range others {
			d.queueNotification(n)
		}
	}
	for _, d := range p.Devices() {
		if d.jid.Device != number {
			d.queueNotification(p.ownDevicesNode())
			d.soil("account_sync")
		}
	}
}

// changeNode is the notification for clients of other accounts (captured by
// go-whatsapp-web-multidevice issue 376; whatsapp-rust stanza/devices.rs).
func (p *Phone) changeNode(how string, number uint16) waBinary.Node {
	numbers := p.deviceNumbers()
	from, alt := p.pn(), p.lid
	hidden := p.addressing == LIDOnly || p.Username() != "" // from some, so that none is told by number
	if hidden {
		from = p.lid
	}
	n := waBinary.Node{Tag: "notification", Attrs: waBinary.Attrs{"from": from, "type": "devices"}}
	change := waBinary.Attrs{"device_hash": deviceHash(withDevices(from, numbers))}
	device := keyIndex(number, waBinary.Attrs{"jid": withDevice(from, number)})
	if !hidden && p.addressing != NumberOnly {
		n.Attrs["lid"], device["lid"] = alt, withDevice(alt, number)
		change["device_lid_hash"] = deviceHash(withDevices(alt, numbers))
	}
	n.Content = []waBinary.Node{{Tag: how, Attrs: change, Content: []waBinary.Node{
		{Tag: "device", Attrs: device}, p.keyIndexList(how == "add"),
	}}}
	return n
}

// ownDevicesNode is the notification for the account's own clients (whatsmeow notification.go,
// handleOwnDevicesNotification).
func (p *Phone) ownDevicesNode() waBinary.Node {
	numbers := p.deviceNumbers()
	content := make([]waBinary.Node, len(numbers), len(numbers)+1)
	for i, number := range numbers {
		content[i] = waBinary.Node{Tag: "device", Attrs: keyIndex(number, waBinary.Attrs{"jid": withDevice(p.pn(), number)})}
	}
	return waBinary.Node{
		Tag: "notification", Attrs: waBinary.Attrs{"from": p.pn(), "type": "account_sync"},
		Content: []waBinary.Node{{
			Tag: "devices", Attrs: waBinary.Attrs{"dhash": deviceHash(withDevices(p.pn(), numbers))},
			Content: append(content, p.keyIndexList(true)),
		}},
	}
}
