package server

import (
	"context"
	"strings"
	"time"

	"github.com/heypingr/pingr/hosted"
)

// maxKeys is how many unrevoked keys an account may have.
const maxKeys = 100

type keyJSON struct {
	ID   string      `json:"id"`
	Name string      `json:"name"`
	Mode hosted.Mode `json:"mode" enum:"live,test"`
	// Key is the display form. The whole key is returned once, when it is created.
	Key       string  `json:"key"`
	CreatedAt string  `json:"created_at" format:"date-time"`
	LastUsed  *string `json:"last_used_at" format:"date-time"`
	RevokedAt *string `json:"revoked_at" format:"date-time"`
}

func keyOf(k hosted.Key) keyJSON {
	return keyJSON{
		ID: k.ID, Name: k.Name, Mode: k.Mode, Key: k.Display(),
		CreatedAt: stamp(k.CreatedAt), LastUsed: maybeStamp(k.LastUsed), RevokedAt: maybeStamp(k.RevokedAt),
	}
}

func maybeStamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	text := stamp(t)
	return &text
}

type keysOutput struct {
	Body struct {
		Keys  []keyJSON `json:"keys" nullable:"false"`
		Count int       `json:"count"`
	}
}

// listKeys is GET /v1/keys.
func (s *Server) listKeys(ctx context.Context, c caller, _ *struct{}) (*keysOutput, error) {
	keys, err := s.store.Keys(ctx, c.account.ID)
	if err != nil {
		return nil, err
	}
	out := &keysOutput{}
	out.Body.Keys, out.Body.Count = []keyJSON{}, len(keys)
	for _, k := range keys {
		out.Body.Keys = append(out.Body.Keys, keyOf(k))
	}
	return out, nil
}

type addKeyInput struct {
	Body struct {
		Mode hosted.Mode `json:"mode" enum:"live,test"`
		Name string      `json:"name,omitempty" maxLength:"100"`
	}
}

type keyOutput struct{ Body keyJSON }

// addKey is POST /v1/keys.
func (s *Server) addKey(ctx context.Context, c caller, in *addKeyInput) (*keyOutput, error) {
	if strings.ContainsRune(in.Body.Name, 0) {
		return nil, badParam("name", "must not contain a NUL character")
	}
	keys, err := s.store.Keys(ctx, c.account.ID)
	if err != nil {
		return nil, err
	}
	valid := 0
	for _, k := range keys {
		if k.RevokedAt.IsZero() {
			valid++
		}
	}
	if valid >= maxKeys {
		return nil, fail(planLimit, "There are already %d keys. Revoke some first.", maxKeys)
	}
	secret, k := hosted.NewKey(c.account.ID, in.Body.Name, in.Body.Mode, s.now())
	if err := s.store.CreateKey(ctx, k); err != nil {
		return nil, err
	}
	out := &keyOutput{keyOf(k)}
	out.Body.Key = secret
	return out, nil
}

type keyInput struct {
	ID string `path:"id" maxLength:"64"`
}

// revokeKey is DELETE /v1/keys/{id}.
func (s *Server) revokeKey(ctx context.Context, c caller, in *keyInput) (*struct{}, error) {
	if err := s.store.RevokeKey(ctx, c.account.ID, in.ID, s.now()); err != nil {
		return nil, err
	}
	s.hub.end(c.account.ID, in.ID)
	return nil, nil
}
