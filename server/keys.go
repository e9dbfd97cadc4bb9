package server

import (
	"context"
	"strings"

	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server/api"
)

// maxKeys is how many unrevoked keys an account may have.
const maxKeys = 100

func keyOf(k hosted.Key) api.Key {
	return api.Key{
		ID: k.ID, Name: k.Name, Mode: string(k.Mode), Key: k.Display(),
		CreatedAt: api.At(k.CreatedAt), LastUsed: api.MaybeAt(k.LastUsed), RevokedAt: api.MaybeAt(k.RevokedAt),
	}
}

type keysOutput struct{ Body api.Keys }

// listKeys is GET /v1/keys.
func (s *Server) listKeys(ctx context.Context, c caller, _ *struct{}) (*keysOutput, error) {
	keys, err := s.store.Keys(ctx, c.account.ID)
	if err != nil {
		return nil, err
	}
	out := &keysOutput{}
	out.Body.Keys, out.Body.Count = []api.Key{}, len(keys)
	for _, k := range keys {
		out.Body.Keys = append(out.Body.Keys, keyOf(k))
	}
	return out, nil
}

type addKeyInput struct{ Body api.AddKey }

type keyOutput struct{ Body api.Key }

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
	secret, k := hosted.NewKey(c.account.ID, in.Body.Name, hosted.Mode(in.Body.Mode), s.now())
	if err := s.store.CreateKey(ctx, k); err != nil {
		return nil, err
	}
	out := &keyOutput{keyOf(k)}
	out.Body.Key = secret
	return out, nil
}

type keyInput struct {
	ID string `path:"id" maxLength:"64" example:"key_0199b0c2d4e57f3a8c1b2d3e4f5a6b7c" doc:"The key's id."`
}

// revokeKey is DELETE /v1/keys/{id}.
func (s *Server) revokeKey(ctx context.Context, c caller, in *keyInput) (*struct{}, error) {
	if err := s.store.RevokeKey(ctx, c.account.ID, in.ID, s.now()); err != nil {
		return nil, err
	}
	s.hub.end(c.account.ID, in.ID)
	return nil, nil
}
