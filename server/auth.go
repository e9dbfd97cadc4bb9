package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/golang-jwt/jwt/v5"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// auth is who may call a route.
type auth string

const (
	public auth = "public"
	byKey  auth = "key"
	byJWT  auth = "login"
	byBoth auth = "both"
)

const (
	loginTime   = 12 * time.Hour
	loginIssuer = "pingr"
	loginCookie = "pingr_login"
	// hostCookie is its name with https. No other host, no page under another path
	// and nobody on a plain connection can set a cookie with such a name (RFC
	// 6265bis, section 4.1.3.2).
	hostCookie = "__Host-" + loginCookie
	// useNoted is how exactly the last use of a key is recorded.
	useNoted = time.Minute
)

// A caller is whoever made a request.
type caller struct {
	account hosted.Account
	// test reports whether it acts on test mode.
	test bool
	// login is set for dashboard logins and nil for keys.
	login *loginClaims
	// credential is the id of the key or login.
	credential string
}

// scope returns the account name that the engine uses for what the caller acts
// on.
func (c caller) scope() string {
	if c.test {
		return c.account.ID + testScope
	}
	return c.account.ID
}

// mode returns the mode that the caller acts on.
func (c caller) mode() hosted.Mode {
	if c.test {
		return hosted.Test
	}
	return hosted.Live
}

// own returns what applies in the caller's mode.
func (c caller) own() hosted.PerMode { return c.account.Of(c.mode()) }

// ModeParam lets dashboard logins see test mode. It is exported, like all
// embedded inputs, because huma skips others.
type ModeParam struct {
	Mode string `query:"mode" enum:"live,test" example:"live" doc:"For dashboard logins: whether to use live or test data. A key always uses its own mode."`
}

type callerKey struct{}

// authenticate finds the caller of a route, or answers why there is none.
func (s *Server) authenticate(ctx huma.Context, next func(huma.Context)) {
	want, _ := ctx.Operation().Metadata["auth"].(auth)
	r, w := humago.Unwrap(ctx)
	var c caller
	if want != public {
		found, err := s.caller(r, want)
		if err != nil {
			s.problem(r.Context(), err).write(w)
			return
		}
		c = found
	}
	if p := emptyParam(ctx); p != nil {
		p.write(w)
		return
	}
	next(huma.WithValue(ctx, callerKey{}, c))
}

// emptyParam refuses "?mode=", because huma takes a parameter without a value
// for one that is left out.
func emptyParam(ctx huma.Context) *problem {
	var query url.Values
	for _, p := range ctx.Operation().Parameters {
		if p.In != "query" || p.Schema.Enum == nil && p.Schema.Type == huma.TypeString {
			continue
		}
		if query == nil {
			at := ctx.URL()
			query = at.Query()
		}
		if query.Has(p.Name) && query.Get(p.Name) == "" {
			return badParam(p.Name, "must not be empty")
		}
	}
	return nil
}

func (s *Server) caller(r *http.Request, want auth) (caller, error) {
	if keys := r.Header.Values("X-API-Key"); len(keys) > 1 {
		return caller{}, errKey
	} else if len(keys) == 1 {
		c, err := s.keyCaller(r.Context(), keys[0])
		if err == nil && want == byJWT {
			err = fail(forbidden, "This needs a dashboard login, not an API key.")
		}
		return c, err
	}
	if want == byKey {
		return caller{}, fail(invalidKey, "This needs an API key in the X-API-Key header.")
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		cookies := r.CookiesNamed(s.cookieName(r.TLS != nil))
		if len(cookies) == 0 {
			return caller{}, fail(invalidKey, "The API key or login is missing.")
		}
		if len(cookies) > 1 { // one is planted, and nothing shows which
			return caller{}, fail(invalidKey, "The browser sent two logins. Delete this site's cookies and log in again.")
		}
		if err := new(http.CrossOriginProtection).Check(r); err != nil {
			return caller{}, fail(forbidden, "The request comes from another site.")
		}
		token = cookies[0].Value
	}
	c, err := s.loginCaller(r.Context(), strings.TrimSpace(token))
	switch r.URL.Query().Get("mode") {
	case "", "live":
	case "test":
		c.test = true
	}
	return c, err
}

// cookieName returns the name of the login cookie. It depends on whether the
// server is reached by https or the request came by TLS.
func (s *Server) cookieName(tls bool) string {
	if s.config.HTTPS || tls {
		return hostCookie
	}
	return loginCookie
}

var errKey = fail(invalidKey, "The API key is invalid.")

func (s *Server) keyCaller(ctx context.Context, secret string) (caller, error) {
	hash := hosted.HashKey(secret)
	k, err := s.store.KeyByHash(ctx, hash)
	if errors.Is(err, hosted.ErrNotFound) {
		return caller{}, errKey
	}
	if err != nil {
		return caller{}, err
	}
	if subtle.ConstantTimeCompare(k.Hash[:], hash[:]) != 1 || !k.RevokedAt.IsZero() ||
		!strings.HasPrefix(secret, k.Mode.Prefix()) {
		return caller{}, errKey
	}
	a, err := s.store.Account(ctx, k.Account)
	if errors.Is(err, hosted.ErrNotFound) {
		return caller{}, errKey
	}
	if err != nil {
		return caller{}, err
	}
	if now := s.now(); now.Sub(k.LastUsed) >= useNoted {
		if err := s.store.UseKey(context.WithoutCancel(ctx), k.ID, now); err != nil {
			s.log.Warn("could not record the use of a key", "key", k.ID, "error", err)
		}
	}
	return caller{account: a, test: k.Mode == hosted.Test, credential: k.ID}, nil
}

// loginClaims are the claims of a login's token.
type loginClaims struct {
	jwt.RegisteredClaims
	// Password is a mark of the password. Another password ends the login.
	Password string `json:"pwd"`
}

func passwordMark(a hosted.Account) string {
	sum := sha256.Sum256([]byte("login\x00" + a.PasswordHash))
	return hex.EncodeToString(sum[:8])
}

var errLogin = fail(invalidKey, "The login is invalid or has ended. Log in again.")

func (s *Server) loginCaller(ctx context.Context, token string) (caller, error) {
	var claims loginClaims
	_, err := jwt.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return s.signing, nil },
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithIssuer(loginIssuer), jwt.WithStrictDecoding(), jwt.WithTimeFunc(s.now))
	if err != nil || claims.Subject == "" || claims.ID == "" {
		return caller{}, errLogin
	}
	a, err := s.store.Account(ctx, claims.Subject)
	if errors.Is(err, hosted.ErrNotFound) || err == nil && claims.Password != passwordMark(a) {
		return caller{}, errLogin
	}
	if err != nil {
		return caller{}, err
	}
	var ended *pingr.LimitError
	if err := s.store.Peek(ctx, s.now(), endedLogin(claims)); errors.As(err, &ended) {
		return caller{}, errLogin
	} else if err != nil {
		return caller{}, err
	}
	return caller{account: a, login: &claims, credential: claims.ID}, nil
}

// endedLogin is a limit of one, taken when its owner ends a login, until the
// token would have expired.
func endedLogin(c loginClaims) pingr.Limit {
	return pingr.Limit{Kind: pingr.Cooldown, Key: "ended login/" + c.ID, Max: 1, Until: c.ExpiresAt.Time}
}

func (s *Server) newLogin(a hosted.Account) (token string, ends time.Time, err error) {
	now := s.now()
	ends = now.Add(loginTime).Truncate(time.Second)
	token, err = jwt.NewWithClaims(jwt.SigningMethodHS256, loginClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: loginIssuer, Subject: a.ID, ID: pingr.NewID(""),
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(ends),
		},
		Password: passwordMark(a),
	}).SignedString(s.signing)
	return token, ends, err
}
