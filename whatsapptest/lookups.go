package whatsapptest

import (
	"slices"
	"time"

	waBinary "go.mau.fi/whatsmeow/binary"
)

// A NumberLookup is one question of a client about who has which numbers.
type NumberLookup struct {
	// Client is the client's number in digits.
	Client string
	// Numbers are the numbers asked about, in digits.
	Numbers []string
	// Code is the error that answered it, or 0.
	Code int
	At   time.Time
}

// refusals are the lookups that are refused, see RefuseLookups.
type refusals struct{ code, times int }

// RefuseLookups refuses the client's next questions about who has a number with
// that code, such as 429 (wppconnect-server issue 1794), which whatsmeow knows as
// ErrIQRateOverLimit. times is how many, or negative for all. Zero ends this. No source says how often
// WhatsApp may be asked, so without it there is no limit.
func (d *Device) RefuseLookups(code, times int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lookups = refusals{code, times}
}

// Lookups returns the questions about who has which numbers, oldest first. A
// question about people whose address the client has is none.
func (s *Server) Lookups() []NumberLookup {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Clone(s.asked)
}

// answerUsync answers a question about users, or refuses it.
func (d *Device) answerUsync(c *conn, n *waBinary.Node) {
	request := n.GetChildByTag("usync")
	if code := d.looksUp(request); code != 0 {
		text := "rate-overlimit"
		if code != 429 {
			text = "refused"
		}
		c.refuse(n, code, text)
		return
	}
	c.answer(n, d.usync(request))
}

// looksUp records a question about numbers and returns the code that refuses it.
func (d *Device) looksUp(request waBinary.Node) int {
	var numbers []string
	list := request.GetChildByTag("list")
	for _, user := range list.GetChildrenByTag("user") {
		if asked, ok := user.GetChildByTag("contact").Content.([]byte); ok {
			numbers = append(numbers, contactNumber(asked))
		}
	}
	if numbers == nil {
		return 0
	}
	code := d.lookupRefusal()
	d.srv.mu.Lock()
	defer d.srv.mu.Unlock()
	d.srv.asked = append(d.srv.asked, NumberLookup{
		Client: d.phone.Number(), Numbers: numbers, Code: code, At: d.srv.now(),
	})
	return code
}

func (d *Device) lookupRefusal() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lookups.times == 0 {
		return 0
	}
	if d.lookups.times > 0 {
		d.lookups.times--
	}
	return d.lookups.code
}
