package pingr

import (
	"slices"
	"strings"
	"time"
)

// A Person is somebody who writes to an account, as that account knows the
// person. A number belongs to at most one person at a time, and a person has at
// most one number.
type Person struct {
	// ID ("per_…") is Pingr's own and stays the same through every change of the
	// number.
	ID string
	// LIDs are the person's hidden ids ("1234@lid").
	LIDs []string
	// Phone is the number that the person had last, or empty if none is known. It
	// may have moved to somebody else since Seen.
	Phone string
	// Proof is how Phone is known.
	Proof Proof
	// Since is when Phone came to the person, as far as Pingr knows, and Seen when
	// WhatsApp last named or confirmed it.
	Since, Seen time.Time
	// Changed reports that another person had Phone before.
	Changed bool
}

// A Proof is how a person's number is known.
type Proof string

const (
	// ProofNetwork: WhatsApp named the number as the sender of a message.
	ProofNetwork Proof = "network"
	// ProofConfirmed: WhatsApp was asked who has the number, and named the
	// sender's LID.
	ProofConfirmed Proof = "confirmed"
)

// A PersonName says whose a name is, as an account knows it. It is a row of a
// Store, one for each account and Name.
type PersonName struct {
	// Name is a LID ("1234@lid") or the digits of a number.
	Name string
	// Person is the id of the person who has the name, or had it last.
	Person string
	// Proof, Since, Seen and Changed are those of [Person].
	Proof       Proof
	Since, Seen time.Time
	Changed     bool
	// Left reports that the number is no longer the person's.
	Left bool
}

// A Sighting is what WhatsApp says about a person at one time.
type Sighting struct {
	// LID and Phone are the names that WhatsApp gives together. One may be empty.
	LID, Phone string
	Proof      Proof
	At         time.Time
	// NewID is the id of the person if nobody is known under these names.
	NewID string
}

const (
	// seenStep is how old Seen may become before it is stored again, so that most
	// messages change no row.
	seenStep = time.Hour
	// sameNumber is how long a number that is named without a LID is taken to be
	// still that of the person who had it.
	sameNumber = 24 * time.Hour
)

// Sighting returns what the firing's message says about its sender.
func (f Firing) Sighting() Sighting {
	m := f.Message
	s := Sighting{LID: m.LID, Phone: m.Phone, Proof: ProofNetwork, NewID: f.Person.ID}
	if s.LID == "" && s.Phone == "" {
		s.LID = m.Sender
	}
	s.At = f.AcceptedAt
	if !m.Time.IsZero() { // a message from a backlog says who had the number when it was sent
		s.At = s.At.Add(-max(0, f.transit()))
	}
	return s
}

// Recognized sets the person who sent the message. If the account knows that the
// number in the message has come to somebody else since, Recognized clears it.
func (f *Firing) Recognized(p Person) {
	f.Person = p
	if f.Message.Phone != p.Phone {
		f.Message.Phone = ""
	}
}

// identified returns the firing with the names of its sender that the message
// lacks, if they were certain at most maxAge before.
func (f Firing) identified(maxAge time.Duration) Firing {
	p := f.Person
	if p.Phone == "" || !near(p.Seen, f.AcceptedAt, maxAge) {
		return f
	}
	setDefault(&f.Message.Phone, p.Phone)
	if len(p.LIDs) > 0 {
		setDefault(&f.Message.LID, p.LIDs[0])
	}
	return f
}

// Names are the names by which a Store looks up what [Recognize] needs: the
// rows of these names, and all other rows of the same persons.
func (s Sighting) Names() []string {
	return slices.DeleteFunc([]string{s.LID, s.Phone}, func(name string) bool { return name == "" })
}

// Recognize returns the person of a sighting and the rows to store, given the
// rows that s.Names finds. Person.Phone is s.Phone unless the account has newer
// knowledge: then the pair in s is outdated and changes nothing.
func Recognize(known []PersonName, s Sighting) (Person, []PersonName) {
	s.At = s.At.Truncate(time.Millisecond).UTC()
	r := recognition{rows: map[string]PersonName{}, changed: map[string]bool{}, Sighting: s}
	for _, row := range known {
		r.rows[row.Name] = row
	}
	id := r.whose()
	if s.LID != "" && r.rows[s.LID].Person == "" {
		r.put(PersonName{Name: s.LID, Person: id, Proof: s.Proof, Since: s.At, Seen: s.At})
	}
	if s.Phone != "" && !r.outdated(id) {
		r.give(id)
	}
	var store []PersonName
	for name := range r.changed {
		store = append(store, r.rows[name])
	}
	slices.SortFunc(store, func(a, b PersonName) int { return strings.Compare(a.Name, b.Name) })
	return r.person(id), store
}

// PersonOf returns who a sighting is about, given the rows that s.Names finds. ok
// is false if nobody is known under these names.
func PersonOf(known []PersonName, s Sighting) (p Person, ok bool) {
	for _, name := range s.Names() { // the LID first, which nobody else can have
		if p, ok = PersonNamed(known, name); ok {
			return p, true
		}
	}
	return p, false
}

// Sighting returns what WhatsApp said. person is the id of the firing's sender.
func (c Confirmation) Sighting(person string) Sighting {
	return Sighting{LID: c.LID, Phone: c.Phone, Proof: ProofConfirmed, At: c.At, NewID: person}
}

// PersonNamed returns who has a name now, given the rows that Sighting.Names of
// a sighting of it finds.
func PersonNamed(known []PersonName, name string) (p Person, ok bool) {
	r := recognition{rows: map[string]PersonName{}}
	for _, row := range known {
		r.rows[row.Name] = row
	}
	owner := r.rows[name]
	if owner.Person == "" || owner.Left {
		return Person{}, false
	}
	return r.person(owner.Person), true
}

type recognition struct {
	Sighting

	rows    map[string]PersonName
	changed map[string]bool
}

func (r *recognition) put(row PersonName) {
	r.rows[row.Name] = row
	r.changed[row.Name] = true
}

// whose returns the id of the person. A LID is always the same account's. A
// number may have moved, so it only tells whose it is while nothing else is
// known, or while the pair is young.
func (r *recognition) whose() string {
	if owner := r.rows[r.LID]; r.LID != "" && owner.Person != "" {
		return owner.Person
	}
	holder := r.rows[r.Phone]
	if r.Phone == "" || holder.Person == "" || holder.Left {
		return r.NewID
	}
	hidden := !slices.ContainsFunc(r.of(holder.Person), isLID)
	young := near(holder.Seen, r.At, sameNumber)
	switch {
	case r.LID == "" && (hidden || young):
		return holder.Person // named by number, as before
	case r.LID != "" && hidden && young:
		return holder.Person // whose LID becomes known
	}
	return r.NewID
}

// of returns the rows of a person.
func (r *recognition) of(id string) []PersonName {
	var own []PersonName
	for _, row := range r.rows {
		if row.Person == id {
			own = append(own, row)
		}
	}
	return own
}

// outdated reports whether the account already knows better: the number came to
// another person, or the person to another number, after this sighting.
func (r *recognition) outdated(id string) bool {
	if holder := r.rows[r.Phone]; holder.Person != "" && holder.Person != id && holder.Seen.After(r.At) {
		return true
	}
	return slices.ContainsFunc(r.of(id), func(row PersonName) bool {
		return !isLID(row) && (row.Name != r.Phone || row.Left) && row.Seen.After(r.At)
	})
}

// give gives the number to a person, and takes away the one that the person
// had.
func (r *recognition) give(id string) {
	holder := r.rows[r.Phone]
	switch {
	case holder.Person != id || holder.Left:
		changed := holder.Person != "" && holder.Person != id && !r.sameAs(holder)
		r.put(PersonName{
			Name: r.Phone, Person: id, Proof: r.Proof, Since: r.At, Seen: r.At,
			Changed: changed || holder.Changed,
		})
	case r.LID == "" && slices.ContainsFunc(r.of(id), isLID):
		return // which says nothing about the pair
	case r.At.Sub(holder.Seen) >= seenStep || r.Proof != holder.Proof && r.At.After(holder.Seen):
		holder.Proof, holder.Seen = r.Proof, r.At
		r.put(holder)
	}
	for _, row := range r.of(id) {
		if !isLID(row) && row.Name != r.Phone && !row.Left {
			row.Left, row.Seen = true, r.At
			r.put(row)
		}
	}
}

// sameAs reports whether the holder of the number is the same person under
// another id: one whose LID was not known and who had the number just now.
func (r *recognition) sameAs(holder PersonName) bool {
	return !holder.Left && near(holder.Seen, r.At, sameNumber) && !slices.ContainsFunc(r.of(holder.Person), isLID)
}

// person returns what the rows say about a person.
func (r *recognition) person(id string) Person {
	p := Person{ID: id}
	for _, row := range r.of(id) {
		switch {
		case isLID(row):
			p.LIDs = append(p.LIDs, row.Name)
		case !row.Left:
			p.Phone, p.Proof, p.Changed = row.Name, row.Proof, row.Changed
			p.Since, p.Seen = row.Since, row.Seen
		}
	}
	slices.Sort(p.LIDs)
	return p
}

// isLID reports whether the row's name is not a number. Numbers have digits
// only.
func isLID(row PersonName) bool { return strings.Contains(row.Name, "@") }

// near reports whether two times are at most d apart. A clock that was wrong
// makes nothing young for ever.
func near(a, b time.Time, d time.Duration) bool { return a.Sub(b).Abs() <= d }
