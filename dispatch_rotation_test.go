package pingr_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

// During a rotation, one secret signs x-pingr-signature and all sign the Standard Webhooks header. A
// secret without "whsec_" has no such signature.
func TestOtherSecretsSignToo(t *testing.T) {
	var got http.Header
	endpoint := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer endpoint.Close()
	first, second := pingr.NewSecret(), pingr.NewSecret()
	signatures := func(secret string, others ...string) (own string, standard []string) {
		d := pingr.HTTPDispatcher{URL: endpoint.URL, Secret: secret, OtherSecrets: others, Transport: pingr.NewTransport(nil)}
		defer d.Transport.CloseIdleConnections()
		_, err := d.Dispatch(t.Context(), pingr.Event{Type: pingr.EventSessionConnected, ID: "evt_1"})
		require.NoError(t, err)
		return got.Get("X-Pingr-Signature"), strings.Fields(got.Get("Webhook-Signature"))
	}
	_, one := signatures(first)
	assert.Len(t, one, 1)
	own, both := signatures(first, second)
	assert.NotEmpty(t, own)
	assert.Len(t, both, 2)
	assert.NotEqual(t, both[0], both[1])
	_, one = signatures("no whsec_", second)
	assert.Len(t, one, 1)
}
