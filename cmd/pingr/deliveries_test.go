package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

// A line gives the reason why an answer gave no reply, or why there was no answer.
func TestDeliveryLineSaysWhyThereWasNoReply(t *testing.T) {
	reason, newer := pingr.NoReplyNotJSON, pingr.NoReply("of_a_newer_server")
	ok, broken := 200, "status 301: redirects are not followed; it points to https://shop.example/\x1b[2J"
	line := api.Delivery{
		Status: "delivered", HTTPStatus: &ok, CreatedAt: api.At(time.Now()), EventID: "evt_1", Event: "message.received",
		Attempt: 1, DurationMs: 40,
	}
	assert.NotContains(t, deliveryText(line), "no reply", "nothing to say, on purpose")
	line.NoReply = &reason
	assert.Contains(t, deliveryText(line), "static   message.received evt_1  no reply: its body is not JSON")
	line.NoReply = &newer
	assert.Contains(t, deliveryText(line), "no reply: of_a_newer_server")
	line.NoReply, line.Error = nil, &broken
	assert.Contains(t, deliveryText(line), "it points to https://shop.example/")
	assert.NotContains(t, deliveryText(line), "\x1b")
}

// A row without an attempt has no number and no time, in the same columns.
func TestDeliveryLineOfAnEndpointThatWasNotAsked(t *testing.T) {
	why := "not asked"
	line := api.Delivery{
		Status: "failed", CreatedAt: api.At(time.Now()), EventID: "evt_1", Event: "message.received", Attempt: 1,
		DurationMs: 40, Error: &why,
	}
	asked := deliveryText(line)
	line.Attempt, line.DurationMs = 0, 0
	assert.Contains(t, deliveryText(line), "failed        -    -       -  static   message.received evt_1  not asked")
	assert.Len(t, deliveryText(line), len(asked))
}
