package pingr

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// Whose a number is, after what WhatsApp said one after another. Each sighting
// brings a new id, p1, p2 and so on; want is "id phone", with "!" if the number
// was another person's before.
func TestRecognize(t *testing.T) {
	const ada, bob, one, two = "1@lid", "2@lid", "4915", "4916"
	const day, ms = 24 * time.Hour, time.Millisecond
	type step struct {
		after      time.Duration // the one before
		lid, phone string
		want       string
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"both names, then either", []step{
			{0, ada, one, "p1 4915"}, {ms, ada, "", "p1 4915"}, {ms, "", one, "p1 4915"},
		}},
		{"a LID alone, then its number", []step{{0, ada, "", "p1"}, {day, ada, one, "p1 4915"}}},
		{"two people", []step{{0, ada, one, "p1 4915"}, {0, bob, two, "p2 4916"}}},
		{"a number alone, then its LID within a day", []step{{0, "", one, "p1 4915"}, {day, ada, one, "p1 4915"}}},
		{"a number alone, and much later a LID: perhaps another person", []step{
			{0, "", one, "p1 4915"}, {day + ms, ada, one, "p2 4915!"},
		}},
		{"a number that never had a LID is one person's, however long", []step{
			{0, "", one, "p1 4915"}, {100 * day, "", one, "p1 4915"},
		}},
		{"a number alone whose LID was named long ago: perhaps another person", []step{
			{0, ada, one, "p1 4915"}, {day + ms, "", one, "p2 4915!"}, {ms, ada, one, "p1 4915!"},
		}},
		{"a new number keeps the person", []step{
			{0, ada, one, "p1 4915"}, {day, ada, two, "p1 4916"}, {ms, ada, "", "p1 4916"},
		}},
		{"the number changed hands", []step{
			{0, ada, one, "p1 4915"}, {100 * day, bob, one, "p2 4915!"}, {ms, ada, "", "p1"}, {ms, bob, "", "p2 4915!"},
		}},
		{"and does not forget that when it is named again", []step{
			{0, ada, one, "p1 4915"}, {100 * day, bob, one, "p2 4915!"}, {day, bob, one, "p2 4915!"},
		}},
		{"the number was left, and then came to another", []step{
			{0, ada, one, "p1 4915"}, {day, ada, two, "p1 4916"}, {day, bob, one, "p3 4915!"},
		}},
		{"the number comes back", []step{
			{0, ada, one, "p1 4915"}, {day, ada, two, "p1 4916"}, {day, ada, one, "p1 4915"},
		}},
		{"a number alone that its person left is nobody's known", []step{
			{0, ada, one, "p1 4915"}, {day, ada, two, "p1 4916"}, {ms, "", one, "p3 4915!"},
		}},
		{"a person whose LID was known first takes over a young number alone", []step{
			{0, ada, "", "p1"}, {0, "", one, "p2 4915"}, {ms, ada, one, "p1 4915"},
		}},
		{"what was sent before the number changed hands changes nothing", []step{
			{0, ada, one, "p1 4915"}, {2 * day, bob, one, "p2 4915!"}, {-day, ada, one, "p1"}, {day, bob, "", "p2 4915!"},
		}},
		{"what was sent before the person's number changed changes nothing", []step{
			{0, ada, one, "p1 4915"}, {2 * day, ada, two, "p1 4916"}, {-day, ada, one, "p1 4916"}, {day, ada, "", "p1 4916"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows := map[string]PersonName{}
			at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
			for i, s := range tt.steps {
				at = at.Add(s.after)
				var known []PersonName
				for _, row := range rows {
					known = append(known, row)
				}
				p, changed := Recognize(known, Sighting{
					LID: s.lid, Phone: s.phone, Proof: ProofNetwork, At: at, NewID: "p" + string(rune('1'+i)),
				})
				for _, row := range changed {
					rows[row.Name] = row
				}
				got := p.ID
				if p.Phone != "" {
					got += " " + p.Phone
				}
				if p.Changed {
					got += "!"
				}
				assert.Equal(t, s.want, got, "step %d", i)
			}
		})
	}
}

// Most messages change nothing that is stored.
func TestRecognizeStoresOnceAnHour(t *testing.T) {
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	s := Sighting{LID: "1@lid", Phone: "4915", Proof: ProofNetwork, At: at, NewID: "p1"}
	_, rows := Recognize(nil, s)
	assert.Len(t, rows, 2)
	s.At = at.Add(time.Hour - time.Millisecond)
	p, changed := Recognize(rows, s)
	assert.Empty(t, changed)
	assert.Equal(t, at, p.Seen)
	s.At = at.Add(time.Hour)
	p, changed = Recognize(rows, s)
	assert.Len(t, changed, 1)
	assert.Equal(t, s.At, p.Seen)
	assert.Equal(t, at, p.Since)
	s.Proof = ProofConfirmed
	s.At = s.At.Add(time.Second)
	p, _ = Recognize(append(changed, rows...), s)
	assert.Equal(t, ProofConfirmed, p.Proof)
}
