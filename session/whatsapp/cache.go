package whatsapp

import (
	"strconv"
	"strings"
	"sync/atomic"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.mau.fi/whatsmeow/store"
)

// cacheSize bounds each part of the cache, in people. A session is about 2 KB.
const cacheSize = 2048

// cache holds what every message reads, for all devices of a pool. A Signal
// session changes hands many times in a conversation, and is read from the
// database once. Values are shared: nobody may change them.
type cache struct {
	sessions   *lru.Cache[cacheKey, []byte] // a nil value: there is none
	identities *lru.Cache[cacheKey, [32]byte]
	tokens     *lru.Cache[cacheKey, *store.PrivacyToken]
	dropped    atomic.Int64 // how often tokens were dropped
	named      atomic.Int64 // how many names were given out
}

// A cacheKey names a device by [cache.newName], not by its JID: keys that are
// read from the database again are another device's to the cache, so that late
// work of the earlier one changes nothing for them.
type cacheKey struct{ device, name string }

func (c *cache) newName() string { return strconv.FormatInt(c.named.Add(1), 10) }

// drop forgets a device.
func (c *cache) drop(device string) {
	dropFrom(c.sessions, device)
	dropFrom(c.identities, device)
	dropFrom(c.tokens, device)
}

func dropFrom[T any](part *lru.Cache[cacheKey, T], device string) {
	for _, k := range part.Keys() {
		if k.device == device {
			part.Remove(k)
		}
	}
}

func newCache() *cache {
	return &cache{
		sessions:   must(lru.New[cacheKey, []byte](cacheSize)),
		identities: must(lru.New[cacheKey, [32]byte](cacheSize)),
		tokens:     must(lru.New[cacheKey, *store.PrivacyToken](cacheSize)),
	}
}

// must is for constructors that fail only on a size below 1.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (c *cache) session(device, address string) ([]byte, bool) {
	return c.sessions.Get(cacheKey{device, address})
}

func (c *cache) putSession(device, address string, session []byte) {
	c.sessions.Add(cacheKey{device, address}, session)
}

func (c *cache) identity(device, address string) (*[32]byte, bool) {
	key, ok := c.identities.Get(cacheKey{device, address})
	return &key, ok
}

func (c *cache) putIdentity(device, address string, key *[32]byte) {
	if key == nil {
		c.identities.Remove(cacheKey{device, address})
		return
	}
	c.identities.Add(cacheKey{device, address}, *key)
}

// forget drops everything about a Signal user ("1234_1").
func (c *cache) forget(device, user string) {
	for _, k := range c.sessions.Keys() {
		if k.device == device && strings.HasPrefix(k.name, user+":") {
			c.sessions.Remove(k)
		}
	}
	for _, k := range c.identities.Keys() {
		if k.device == device && strings.HasPrefix(k.name, user+":") {
			c.identities.Remove(k)
		}
	}
}

func (c *cache) token(device, user string) (*store.PrivacyToken, bool) {
	t, ok := c.tokens.Get(cacheKey{device, user})
	if t != nil {
		copied := *t // whatsmeow writes to it
		t = &copied
	}
	return t, ok
}

// putToken stores a token that was read at version v, unless others were
// written since.
func (c *cache) putToken(device, user string, t *store.PrivacyToken, v int64) {
	if t != nil {
		copied := *t
		t = &copied
	}
	c.tokens.Add(cacheKey{device, user}, t)
	if c.dropped.Load() != v {
		c.tokens.Remove(cacheKey{device, user})
	}
}

func (c *cache) tokenVersion() int64 { return c.dropped.Load() }

func (c *cache) dropTokens() {
	c.dropped.Add(1)
	c.tokens.Purge()
}
