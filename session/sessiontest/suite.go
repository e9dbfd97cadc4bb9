package sessiontest

import "testing"

// Run runs the suite. For each case, it calls make for a session of its own that is connected and has
// no messages waiting. It has no case for [pingr.ErrUnknown], which only a session that repeats sends
// by itself returns.
func Run(t *testing.T, make func(t *testing.T) Harness) {
	cases := []struct {
		name string
		run  func(t *testing.T, h Harness)
	}{
		{"text in, reply out", textInReplyOut},
		{"a message says who wrote it", whoWrote},
		{"captions and other forms of a text", forms},
		{"what no person wrote now is not handed on", notForUs},
		{"a group's message names group and person", group},
		{"a message that the handler refused comes again", refusedComesAgain},
		{"a message whose handler panicked comes again", panicComesAgain},
		{"an unacknowledged message survives a reconnect", refusedSurvivesReconnect},
		{"a refused message does not hold up others", refusedHoldsNobodyUp},
		{"the same id sent twice shows once", sameIDShowsOnce},
		{"a send without a link may be made later", sendWithoutLink},
		{"a send that is refused is not sent", sendRefused},
		{"a send that is refused for now may be made again", sendRefusedForNow},
		{"a send without an answer is unknown", sendUnknown},
		{"what cannot be sent is refused at once", sendImpossible},
		{"a send to a number that nobody has says so", sendToNobody},
		{"a send works while nobody listens", sendWhileNobodyListens},
		{"who has a number", whoHasANumber},
		{"who has a number cannot be asked without a link", resolveWithoutLink},
		{"nobody has a number", nobodyHasANumber},
		{"Listen ends with its context", listenEnds},
		{"Listen ends when the session does, and sends are refused", ends},
		{"only one listens at a time", listenOnce},
		{"messages sent while we were away come with their time", offline},
		{"the disappearing timer is honoured", disappearing},
		{"hostile texts arrive as they are", hostileTexts},
		{"a reply may be hostile too", hostileReplies},
		{"a burst from one person while replies go out", burst},
		{"many strangers at once", strangers},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, make(t)) })
	}
}
