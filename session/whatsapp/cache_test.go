package whatsapp

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/store"
)

func TestPrivacyTokensAreReadOnceAndNeverStale(t *testing.T) {
	d, _, _ := openDevice(t)
	ctx := t.Context()
	tokenIs := func(want string) {
		t.Helper()
		token, err := d.GetPrivacyToken(ctx, adaLID)
		require.NoError(t, err)
		if token == nil {
			assert.Empty(t, want)
			return
		}
		assert.Equal(t, want, string(token.Token))
		token.Token = nil // whatsmeow changes what it got
	}
	put := func(token string) {
		t.Helper()
		require.NoError(t, d.PutPrivacyTokens(ctx, store.PrivacyToken{
			User: adaLID, Token: []byte(token), Timestamp: time.Unix(5, 0),
		}))
	}
	tokenIs("")
	put("t")
	tokenIs("t")
	tokenIs("t")
	put("u")
	tokenIs("u")
	_, err := d.DeleteExpiredPrivacyTokens(ctx, time.Unix(6, 0))
	require.NoError(t, err)
	tokenIs("")

	// One that is read while another is written is not kept.
	before := d.cache.tokenVersion()
	put("v")
	d.cache.putToken(d.name, adaLID.String(), nil, before)
	tokenIs("v")
}

func TestSaltIsReadOnceAndNeverStale(t *testing.T) {
	d, _, _ := openDevice(t)
	ctx := t.Context()
	for _, want := range []string{"", "first", "second", ""} {
		if want != "" {
			require.NoError(t, d.PutNCTSalt(ctx, []byte(want)))
		} else {
			require.NoError(t, d.DeleteNCTSalt(ctx))
		}
		for range 2 {
			salt, err := d.GetNCTSalt(ctx)
			require.NoError(t, err)
			assert.Equal(t, want, string(salt))
		}
	}
}

// Only who holds the person's lock may remember what was read: others might put
// back what was just replaced.
func TestWhatIsReadWithoutALockIsNotRemembered(t *testing.T) {
	d, _, _ := openDevice(t)
	ctx := t.Context()
	require.NoError(t, d.AllSessionSpecificStores.PutSession(ctx, ada, []byte("step")))
	_, err := d.HasSession(ctx, ada)
	require.NoError(t, err)
	_, err = d.GetManySessions(ctx, []string{ada})
	require.NoError(t, err)
	_, known := d.cache.session(d.name, ada)
	assert.False(t, known)
	sessionIs("step")(t, ctx, d)
	_, known = d.cache.session(d.name, ada)
	assert.True(t, known)
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache()
	for i := range 3 * cacheSize {
		c.putSession("d", fmt.Sprint(i), []byte("s"))
		c.putIdentity("d", fmt.Sprint(i), &[32]byte{})
		c.putToken("d", fmt.Sprint(i), nil, 0)
	}
	assert.Equal(t, []int{cacheSize, cacheSize, cacheSize}, []int{c.sessions.Len(), c.identities.Len(), c.tokens.Len()})
}

// Two numbers of a pool may know the same person, each by keys of its own.
func TestCacheKeepsDevicesApart(t *testing.T) {
	c := newCache()
	for _, device := range []string{"one", "two"} {
		c.putSession(device, ada, []byte(device))
		c.putIdentity(device, ada, &[32]byte{device[0]})
		c.putToken(device, "ada", &store.PrivacyToken{Token: []byte(device)}, 0)
	}
	c.putSession("two", "1002003001_1:0", []byte("another person, whose digits begin alike"))
	c.forget("one", "100200300_1")
	session, known := c.session("one", ada)
	assert.False(t, known, "%s", session)
	_, known = c.identity("one", ada)
	assert.False(t, known)
	session, _ = c.session("two", ada)
	assert.Equal(t, "two", string(session))
	key, _ := c.identity("two", ada)
	assert.Equal(t, byte('t'), key[0])
	token, _ := c.token("one", "ada")
	assert.Equal(t, "one", string(token.Token))
	c.forget("two", "100200300_1")
	_, known = c.session("two", "1002003001_1:0")
	assert.True(t, known)
}
