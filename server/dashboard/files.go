package dashboard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var staticFiles embed.FS

// files are the static files under names that contain their hash, so that
// browsers may keep them for good.
type files struct {
	names map[string]string // as written → with hash
	byURL map[string]file
}

type file struct {
	kind          string
	plain, zipped []byte
}

func readFiles() (*files, error) {
	f := &files{map[string]string{}, map[string]file{}}
	all, err := fs.Glob(staticFiles, "static/*")
	if err != nil {
		return nil, fmt.Errorf("list static files: %w", err)
	}
	for _, name := range all {
		body, err := staticFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read static file: %w", err)
		}
		sum := sha256.Sum256(body)
		base, ext := path.Base(name), path.Ext(name)
		hashed := strings.TrimSuffix(base, ext) + "." + hex.EncodeToString(sum[:6]) + ext
		var zipped bytes.Buffer
		z, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // the level exists
		_, _ = z.Write(body)                                       // into memory
		_ = z.Close()
		kind := mime.TypeByExtension(ext)
		if ext == ".js" || ext == ".css" || ext == ".svg" {
			kind = map[string]string{
				".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml",
			}[ext]
		}
		f.names[base], f.byURL[hashed] = hashed, file{kind, body, zipped.Bytes()}
	}
	return f, nil
}

// url returns the address of a static file.
func (f *files) url(name string) string { return "/static/" + f.names[name] }

func (f *files) serve(w http.ResponseWriter, r *http.Request) {
	one, ok := f.byURL[r.PathValue("file")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h, body := w.Header(), one.plain
	h.Set("Content-Type", one.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = one.zipped
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}
