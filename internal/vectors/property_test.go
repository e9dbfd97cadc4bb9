package main

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

// No changed body or signature is accepted, with two secrets at once and at any time. A failure names
// its seed.
func TestNoMutationIsAccepted(t *testing.T) {
	const secret, old = "whsec_c2VjcmV0", "whsec_b2xk"
	body := []byte(good)
	signature := []byte(pingr.Sign(body, secret))
	o := pingr.VerifyOptions{OtherSecrets: []string{old}, SkipTimestamp: true}
	_, err := pingr.VerifyWebhook(body, string(signature), secret, o)
	require.NoError(t, err)
	for seed := range uint64(100_000) {
		random := rand.New(rand.NewPCG(seed, 0))
		changedBody, changedSignature := body, signature
		switch random.IntN(3) {
		case 0:
			changedBody = mutate(random, body)
		case 1:
			changedSignature = mutate(random, signature)
		case 2:
			changedBody, changedSignature = mutate(random, body), mutate(random, signature)
		}
		if bytes.Equal(changedBody, body) && bytes.Equal(changedSignature, signature) {
			continue // two changes that undo each other
		}
		if event, err := pingr.VerifyWebhook(changedBody, string(changedSignature), secret, o); err == nil || event != nil {
			t.Fatalf("seed %d: accepted %q of %q", seed, changedSignature, changedBody)
		}
	}
}

// mutate makes one to three changes. It flips a bit, changes a byte or letter case, inserts, removes,
// doubles or swaps bytes, or cuts off the end.
func mutate(random *rand.Rand, original []byte) []byte {
	b := bytes.Clone(original)
	for range 1 + random.IntN(3) {
		if len(b) < 2 {
			break
		}
		i, j := random.IntN(len(b)), random.IntN(len(b))
		i, j = min(i, j), max(i, j)
		switch random.IntN(8) {
		case 0:
			b[i] ^= 1 << random.IntN(8)
		case 1:
			b[i] = byte(random.Uint32())
		case 2:
			b[i] ^= 0x20
		case 3:
			b = append(b[:i:i], append([]byte{byte(random.Uint32())}, b[i:]...)...)
		case 4:
			b = append(b[:i:i], b[min(j+1, i+8):]...)
		case 5:
			b = append(b[:j:j], b[i:]...)
		case 6:
			b[i], b[j] = b[j], b[i]
		case 7:
			b = b[:j]
		}
	}
	return b
}
