package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A line says why an answer gave no reply, or why there was no answer.
func TestDeliveryLineSaysWhyThereWasNoReply(t *testing.T) {
	ok, reason, newer, broken := 200, "not_json", "of_a_newer_server", "status 301: redirects are not followed; it points to https://shop.example/\x1b[2J"
	line := deliveryLine{Status: "delivered", HTTPStatus: &ok, CreatedAt: time.Now(), EventID: "evt_1", Event: "message.received", Attempt: 1, DurationMs: 40}
	assert.NotContains(t, line.text(), "no reply", "nothing to say, on purpose")
	line.NoReply = &reason
	assert.Contains(t, line.text(), "static   message.received evt_1  no reply: its body is not JSON")
	line.NoReply = &newer
	assert.Contains(t, line.text(), "no reply: of_a_newer_server")
	line.NoReply, line.Error = nil, &broken
	assert.Contains(t, line.text(), "it points to https://shop.example/")
	assert.NotContains(t, line.text(), "\x1b")
}

// A row without an attempt has no number and no time, in the same columns.
func TestDeliveryLineOfAnEndpointThatWasNotAsked(t *testing.T) {
	why := "not asked"
	line := deliveryLine{Status: "failed", CreatedAt: time.Now(), EventID: "evt_1", Event: "message.received", Attempt: 1, DurationMs: 40, Error: &why}
	asked := line.text()
	line.Attempt, line.DurationMs = 0, 0
	assert.Contains(t, line.text(), "failed        -    -       -  static   message.received evt_1  not asked")
	assert.Len(t, line.text(), len(asked))
}
