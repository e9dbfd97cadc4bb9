package whatsapptest

import (
	"sync"

	groupRecord "go.mau.fi/libsignal/groups/state/record"
	"go.mau.fi/whatsmeow/types"
)

// handset is one simulated device of a phone. Number 0 is the phone itself;
// others are its companions.
type handset struct {
	phone  *Phone
	number uint16

	mu         sync.Mutex // guards all Signal state
	chain      *keychain
	signature  []byte              // of a companion, see proof
	peers      map[types.JID]*peer // by the LID of the linked client
	senderKeys map[senderKeyID]*groupRecord.SenderKey
	handed     map[types.JID]map[types.JID]bool // group: clients that have our sender key
	retries    map[string]int                   // by message id: how often we asked for it again

	mailLock sync.Mutex
	mail     []func()
	working  bool
	away     bool // the mail waits
}

func newHandset(p *Phone, number uint16) *handset { return &handset{phone: p, number: number} }

func (h *handset) pn() types.JID  { return withDevice(h.phone.pn(), h.number) }
func (h *handset) lid() types.JID { return withDevice(h.phone.lid, h.number) }

func withDevice(j types.JID, device uint16) types.JID {
	j.Device = device
	return j
}

// post runs jobs one after the other, in order, off the caller's goroutine. An
// idle handset has no goroutine.
func (h *handset) post(job func()) {
	h.mailLock.Lock()
	defer h.mailLock.Unlock()
	h.mail = append(h.mail, job)
	h.start()
}

// start opens the mail, unless the handset is away. The caller holds h.mailLock.
func (h *handset) start() {
	if !h.working && !h.away && len(h.mail) > 0 {
		h.working = h.phone.srv.spawn(h.work)
	}
}

// whenOnline runs a job at once, or, if the handset is away, after what else waits for it.
func (h *handset) whenOnline(job func()) {
	h.mailLock.Lock()
	if h.away {
		h.mail = append(h.mail, job)
		h.mailLock.Unlock()
		return
	}
	h.mailLock.Unlock()
	job()
}

// setAway keeps the mail closed, or opens it again.
func (h *handset) setAway(away bool) {
	h.mailLock.Lock()
	defer h.mailLock.Unlock()
	h.away = away
	h.start()
}

func (h *handset) work() {
	for {
		h.mailLock.Lock()
		if len(h.mail) == 0 || h.away {
			h.working = false
			h.mailLock.Unlock()
			return
		}
		jobs := h.mail
		h.mail = nil
		h.mailLock.Unlock()
		for _, job := range jobs {
			job()
		}
	}
}
