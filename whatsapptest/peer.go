package whatsapptest

import "go.mau.fi/whatsmeow/proto/waE2E"

// receivePeer answers what a client asks of its own phone.
func (h *handset) receivePeer(in inbound, m *waE2E.Message) {}
