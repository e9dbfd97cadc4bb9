package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/netip"
	"time"

	"github.com/heypingr/pingr"
)

const (
	maxBadLogins   = 10
	badLoginWindow = 15 * time.Minute
	// looser is how much more is allowed to a network that many people share: an
	// IPv6 /48, a private network, or a proxy that does not name its clients.
	looser = 10
	// knownTime is how long a browser's network is known after a login.
	knownTime = 30 * 24 * time.Hour
)

// throttle returns a limit of somebody or something. Only a hash of who is
// stored.
func throttle(kind, who string, most int64, until time.Time) pingr.Limit {
	sum := sha256.Sum256([]byte(who))
	return pingr.Limit{Kind: pingr.Cooldown, Key: kind + "/" + hex.EncodeToString(sum[:16]), Max: most, Until: until}
}

// network returns what counts as one address. Whoever has one IPv6 address has
// its whole /64.
func network(ip netip.Addr) string {
	if ip.Is6() {
		p, _ := ip.Prefix(64) // it has that many bits
		return p.String()
	}
	return ip.String()
}

// byAddress returns the limits of an address and of the network around it.
func byAddress(kind string, ip netip.Addr, most int64, until time.Time) []pingr.Limit {
	if !ip.IsValid() || ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() {
		return []pingr.Limit{throttle(kind, network(ip), looser*most, until)}
	}
	limits := []pingr.Limit{throttle(kind, network(ip), most, until)}
	if ip.Is6() {
		p, _ := ip.Prefix(48) // it has that many bits
		limits = append(limits, throttle(kind, p.String(), looser*most, until))
	}
	return limits
}

// takeLogin counts a try to log in before the password is checked, so that many
// at once do not pass. giveBack returns the try if the password is right. If
// the e-mail has logged in from that network lately, the network's own limit
// does not refuse it: nobody who guesses behind the same proxy locks the others
// out.
func (s *Server) takeLogin(
	ctx context.Context, email string, ip netip.Addr, now time.Time,
) (giveBack func() error, err error) {
	until, known := now.Add(badLoginWindow), knownLogin(email, ip, now)
	mine := []pingr.Limit{throttle("bad logins/email", email, maxBadLogins, until)}
	ours := byAddress("bad logins/address", ip, maxBadLogins, until)
	before, err := s.store.LimitTaken(ctx, now, known.Key)
	switch {
	case err != nil:
		return nil, err
	case before == 0:
		mine = append(mine, ours...)
		ours = nil
	}
	if err := s.store.Reserve(ctx, now, mine...); err != nil {
		return nil, err
	}
	var full *pingr.LimitError
	if len(ours) > 0 {
		if err := s.store.Reserve(ctx, now, ours...); err == nil {
			mine = append(mine, ours...)
		} else if !errors.As(err, &full) {
			return nil, err
		}
	}
	return func() error {
		return errors.Join(s.store.Release(ctx, mine...), s.store.Reserve(ctx, now, known))
	}, nil
}

// knownLogin is taken when somebody has logged in.
func knownLogin(email string, ip netip.Addr, now time.Time) pingr.Limit {
	known := throttle("known login", email+" "+network(ip), 0, now.Add(knownTime))
	known.Kind = pingr.Quota // without a limit
	return known
}

const (
	// Pairing prompts ring somebody's phone. These are the most per hour to a
	// number, from any account, and of an account.
	maxPairPrompts  = 5
	maxPairAccount  = 20
	maxNewSessions  = 60 // an hour, per account: each opens a connection to WhatsApp
	maxLinkRounds   = 30 // an hour, per session
	maxReconnects   = 10 // a minute, per session
	longWindow      = time.Hour
	reconnectWindow = time.Minute
)

// limit takes some limits, or returns which one refused.
func (s *Server) limit(ctx context.Context, what string, limits ...pingr.Limit) error {
	now := s.now()
	var full *pingr.LimitError
	if err := s.store.Reserve(ctx, now, limits...); errors.As(err, &full) {
		return tooMany(rateLimit, full.RetryAfter(now), "Too many %s. Try again in %ds.", what, full.RetryAfter(now))
	} else if err != nil {
		return err
	}
	return nil
}
