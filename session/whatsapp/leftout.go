package whatsapp

import (
	"context"
	"slices"

	waBinary "go.mau.fi/whatsmeow/binary"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/types"
)

// WhatsApp acknowledges a message with a hash of the devices that it should have
// been encrypted for (phash). If that is not ours, a list of devices is outdated,
// the recipient's or our own, and somebody who has just linked WhatsApp Web does
// not see the message there. whatsmeow drops the recipient's list and sends
// nothing (send.go, SendMessage). WhatsApp Web learns both lists again, and sends
// the message to the devices that were left out (whatsapp-rust pull 524 and 1362).

// catchUp learns the lists of devices again and sends a message that has been
// acknowledged to the devices that it was not encrypted for, under the same id.
// It does what it can: the message itself is out. If nobody was left out although
// WhatsApp's hash theirs differs, the same two hashes are no reason to ask again.
func (l *line) catchUp(ctx context.Context, dev *device, f flight, m *waE2E.Message, theirs string) {
	disagreement := f.hash + " " + theirs
	if known, _ := l.met.disagreed.Get(f.to); known == disagreement {
		return
	}
	names := l.names(f.destination)
	l.forgetDevices(ctx, names...)
	h := &holder{persons: dev.persons}
	defer h.drop()
	if l.acquaint(ctx, dev, h, f.destination) != nil {
		return
	}
	devices, err := l.client.GetUserDevices(ctx, []types.JID{f.to, f.own.ToNonAD()})
	if err != nil {
		return
	}
	missing := slices.DeleteFunc(devices, func(jid types.JID) bool {
		return jid == f.own || slices.Contains(f.devices, jid)
	})
	if len(missing) == 0 {
		l.met.disagreed.Add(f.to, disagreement)
		return
	}
	l.sendToDevices(withHolder(ctx, h), f, missing, m)
}

// sendToDevices sends a message once more to some devices of its recipient or of
// our own account. The stanzas are those with which whatsmeow answers a retry
// receipt (retry.go, handleRetryReceipt), without the count of retries. Nobody
// waits for their acknowledgements.
func (l *line) sendToDevices(ctx context.Context, f flight, devices []types.JID, m *waE2E.Message) {
	internals := l.client.DangerousInternals()
	plaintext, ownCopy, err := plaintexts(f.to, m)
	if err != nil {
		return
	}
	copies, _, err := internals.EncryptMessageForDevices(ctx, devices, f.id, plaintext, ownCopy, waBinary.Attrs{})
	if err != nil {
		return
	}
	for _, c := range copies {
		device, _ := c.Attrs["jid"].(types.JID)
		node := waBinary.Node{Tag: "message", Content: c.GetChildren(), Attrs: waBinary.Attrs{
			"id": f.id, "type": f.kind, "to": device, "device_fanout": false,
		}}
		if device.User == f.own.User {
			node.Attrs["recipient"] = f.to
		}
		if enc := c.GetChildByTag("enc"); enc.Attrs["type"] == "pkmsg" {
			node.Content = append(c.GetChildren(), internals.MakeDeviceIdentityNode())
		}
		if internals.SendNode(ctx, node) != nil {
			return
		}
	}
}
