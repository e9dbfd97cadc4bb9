package whatsapp

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

const (
	pairing      = pingr.SessionPairing
	expired      = pingr.SessionLinkExpired
	connecting   = pingr.SessionConnecting
	connected    = pingr.SessionConnected
	disconnected = pingr.SessionDisconnected
	loggedOut    = pingr.SessionLoggedOut
	restricted   = pingr.SessionRestricted
)

func TestTransitions(t *testing.T) {
	lost, ended := input{kind: inputLost, code: 503}, func(code int) input { return input{kind: inputEnded, code: code} }
	up, dial, link := input{kind: inputUp}, input{kind: inputDial}, input{kind: inputLink}
	over, paired := input{kind: inputLinkOver}, input{kind: inputPaired}
	old := input{kind: inputStep, code: pingr.ReasonPhoneOutdated}
	const ignored = pingr.SessionState("")

	for _, c := range []struct {
		name   string
		from   pingr.SessionState
		reason int
		in     input
		to     pingr.SessionState
		code   int
		out    outcome
	}{
		{"a QR is scanned", pairing, 0, paired, connecting, 0, outcome{report: reportLate}},
		{"nobody scans", pairing, 0, over, expired, 0, outcome{hangUp: true}},
		{"the link breaks while linking", pairing, 0, lost, expired, pingr.ReasonLinkLost, outcome{hangUp: true}},
		{"an outdated client cannot link", pairing, 0, ended(405), expired, 405, outcome{hangUp: true}},
		{"a new QR", expired, 0, link, pairing, 0, outcome{}},
		{"a new QR before the old one ended", pairing, 0, link, pairing, 0, outcome{}},
		{"linking again after a logout", loggedOut, 401, link, pairing, 0, outcome{}},
		{"linking again after a lock", restricted, 403, link, pairing, 0, outcome{}},
		{"who is connected cannot link", connected, 0, link, ignored, 0, outcome{}},
		{"who is on the way cannot link", disconnected, 503, link, ignored, 0, outcome{}},

		{"the round trip succeeds", connecting, 0, up, connected, 0, outcome{report: reportUp}},
		{"the link is back", disconnected, 503, up, connected, 0, outcome{report: reportUp}},
		{"the link breaks", connected, 0, lost, disconnected, 503, outcome{report: reportSoon, retry: true, hangUp: true}},
		{"it cannot be made", connecting, 0, lost, disconnected, 503, outcome{report: reportSoon, retry: true, hangUp: true}},
		{"nor at the second try", disconnected, 0, lost, disconnected, 503, outcome{
			report: reportSoon, retry: true, hangUp: true,
		}},
		{"reconnect on demand", connected, 0, dial, connecting, 0, outcome{report: reportLate}},
		{
			"reconnect after a ban keeps the reason until it is up", restricted, 402, dial, connecting, 402,
			outcome{report: reportLate},
		},
		{"reconnect after another client", disconnected, 440, dial, connecting, 440, outcome{report: reportLate}},
		{"nothing to connect with after a logout", loggedOut, 401, dial, ignored, 0, outcome{}},
		{"nor before linking", pairing, 0, dial, ignored, 0, outcome{}},

		{"unlinked by the phone", connected, 0, ended(401), loggedOut, 401, outcome{
			report: reportNow, hangUp: true, unlinked: true,
		}},
		{"banned for a time", connecting, 0, ended(402), restricted, 402, outcome{report: reportNow, hangUp: true}},
		{"locked", connecting, 0, ended(403), restricted, 403, outcome{report: reportNow, hangUp: true, unlinked: true}},
		{"outdated", connecting, 0, ended(405), disconnected, 405, outcome{report: reportNow, hangUp: true}},
		{"banned", connecting, 0, ended(406), restricted, 406, outcome{report: reportNow, hangUp: true, unlinked: true}},
		{"replaced by another client", connected, 0, ended(440), disconnected, 440, outcome{report: reportNow, hangUp: true}},
		{
			"a transient end turns out to be terminal", disconnected, 503, ended(401), loggedOut, 401,
			outcome{report: reportNow, hangUp: true, unlinked: true},
		},
		{"an unknown code ends nothing", connected, 0, ended(499), ignored, 0, outcome{}},

		{"no retry after another client took over", disconnected, 440, lost, ignored, 0, outcome{}},
		{"no retry of a ban", restricted, 402, lost, ignored, 0, outcome{}},
		{"no retry after a logout", loggedOut, 401, lost, ignored, 0, outcome{}},
		{"last words after a logout", loggedOut, 401, up, ignored, 0, outcome{}},
		{"last words of a replaced client", disconnected, 440, up, ignored, 0, outcome{}},
		{
			"its keys are damaged", connecting, 0, ended(codeDamaged), loggedOut, codeDamaged,
			outcome{report: reportNow, hangUp: true},
		},
		{"a phone that is too old scans", pairing, 0, old, pairing, pingr.ReasonPhoneOutdated, outcome{}},
		{
			"a newer phone scans after it", pairing, pingr.ReasonPhoneOutdated, paired, connecting, 0,
			outcome{report: reportLate},
		},
		{"logged out is logged out once", loggedOut, 401, ended(401), ignored, 0, outcome{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			from := status{c.from, c.reason, "before"}
			got, out, ok := from.next(c.in)
			if c.to == ignored {
				assert.False(t, ok)
				assert.Equal(t, from, got, "nothing changes")
				assert.Zero(t, out)
				return
			}
			require.True(t, ok)
			assert.Equal(t, c.to, got.state)
			assert.Equal(t, c.code, got.reason)
			assert.Equal(t, c.out, out)
			if got.state != connected && got.state != connecting {
				assert.NotEmpty(t, got.detail, "a person is told what to do")
			}
			assert.False(t, out.retry && got.terminal(), "a terminal state is not retried")
		})
	}
}

// What happens in a state where it means nothing, such as the last words of a
// connection that was given up, changes nothing.
func TestWhatMeansNothingChangesNothing(t *testing.T) {
	all := []pingr.SessionState{pairing, expired, connecting, connected, disconnected, loggedOut, restricted}
	for kind, means := range map[inputKind][]pingr.SessionState{
		inputLink:     {pairing, expired, loggedOut, restricted},
		inputStep:     {pairing},
		inputLinkOver: {pairing},
		inputPaired:   {pairing},
		inputDial:     {connecting, connected, disconnected, restricted},
		inputUp:       {connecting, disconnected},
		inputLost:     {pairing, connecting, connected, disconnected},
		inputEnded:    {pairing, connecting, connected, disconnected, restricted},
	} {
		for _, state := range all {
			from := status{state, 0, "before"}
			got, _, ok := from.next(input{kind: kind, code: 401})
			assert.Equal(t, slices.Contains(means, state), ok, "%s when %s", kind, state)
			if !ok {
				assert.Equal(t, from, got)
			}
		}
	}
}

// A program tells what happened from the state and the reason; the words are for
// people only.
func TestOurReasonsHaveWordsOfTheirOwn(t *testing.T) {
	usual, _, _ := status{state: pairing}.next(input{kind: inputLinkOver})
	require.NotEmpty(t, usual.detail)
	seen := map[string]int{usual.detail: 0}
	for code, want := range details {
		got, _, ok := status{state: pairing}.next(input{kind: inputLinkOver, code: code})
		require.True(t, ok)
		assert.Equal(t, status{expired, code, want}, got)
		assert.Greater(t, code, pingr.ReasonKeysDamaged, "WhatsApp's codes are below 1000")
		assert.NotContains(t, seen, want)
		seen[want] = code
	}
}

// Whatever happens in whatever order, the machine stays inside its states.
func TestMachineIsClosed(t *testing.T) {
	states := []pingr.SessionState{pairing, expired, connecting, connected, disconnected, loggedOut, restricted}
	kinds := []inputKind{inputLink, inputStep, inputLinkOver, inputPaired, inputDial, inputUp, inputLost, inputEnded}
	for _, state := range states {
		for _, kind := range kinds {
			for _, code := range []int{0, 401, 402, 403, 405, 406, 409, 440, 500, 503} {
				got, out, ok := status{state, code, ""}.next(input{kind, code, ""})
				assert.Contains(t, states, got.state)
				if !ok {
					assert.Zero(t, out)
				}
				if out.unlinked {
					assert.True(t, out.hangUp)
				}
			}
		}
	}
}
