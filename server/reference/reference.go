// Package reference is the API reference for people: one page, made from the
// OpenAPI document when the server starts. It loads nothing from elsewhere and
// has no script.
package reference

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

//go:generate go run github.com/a-h/templ/cmd/templ@v0.3.1020 generate -log-level error

//go:embed reference.css
var style []byte

// New makes the handler of GET /docs and GET /docs/reference.css from an OpenAPI
// 3.1 document in JSON. It is safe for concurrent use.
func New(document []byte) (http.Handler, error) {
	p, err := readPage(document)
	if err != nil {
		return nil, fmt.Errorf("read OpenAPI document: %w", err)
	}
	var html bytes.Buffer
	if err := view(p).Render(context.Background(), &html); err != nil {
		return nil, fmt.Errorf("render reference: %w", err)
	}
	mux := http.NewServeMux()
	for path, file := range map[string]struct {
		kind string
		body []byte
	}{
		"GET /docs":               {"text/html; charset=utf-8", html.Bytes()},
		"GET /docs/reference.css": {"text/css; charset=utf-8", style},
	} {
		small, err := compressed(file.body)
		if err != nil {
			return nil, fmt.Errorf("compress reference: %w", err)
		}
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			h, body := w.Header(), file.body
			h.Set("Content-Type", file.kind)
			h.Set("Cache-Control", "max-age=300")
			h.Set("Vary", "Accept-Encoding")
			if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
				h.Set("Content-Encoding", "gzip")
				body = small
			}
			_, _ = w.Write(body) // who left does not read it
		})
	}
	return mux, nil
}

func compressed(body []byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(body)
	err = errors.Join(err, z.Close())
	return b.Bytes(), err
}
