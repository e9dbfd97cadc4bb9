package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// An entry is a file, or a directory if content is nil, of an archive.
type entry struct {
	name    string
	mode    int64
	content []byte
	uid     int
}

// archive writes the program with its licenses: a zip for Windows, a tar
// elsewhere.
func (r *release) archive(p program, licenses []byte) error {
	binary, err := os.ReadFile(p.file)
	if err != nil {
		return err
	}
	entries := []entry{{name: executable(p.platform), mode: 0o755, content: binary}}
	for _, name := range []string{"LICENSE", "NOTICE", "CHANGELOG.md", "docs/install.md"} {
		text, err := r.file(name)
		if err != nil {
			return err
		}
		entries = append(entries, entry{name: filepath.Base(name), mode: 0o644, content: text})
	}
	entries = append(entries, entry{name: "LICENSES.txt", mode: 0o644, content: licenses})
	for i := range entries {
		entries[i].name = r.name(p.platform) + "/" + entries[i].name
	}
	if p.os == "windows" {
		return create(filepath.Join(r.out, r.name(p.platform)+".zip"), func(w io.Writer) error {
			return writeZip(w, r.at, entries)
		})
	}
	return create(filepath.Join(r.out, r.name(p.platform)+".tar.gz"), func(w io.Writer) error {
		return gzipped(w, func(w io.Writer) error { return writeTar(w, r.at, entries) })
	})
}

// sourceArchive writes the tag's own source, which whoever gets a program that
// links libsignal may ask for.
func (r *release) sourceArchive(ctx context.Context) error {
	name := fmt.Sprintf("pingr_%s_source", r.version)
	tarball := filepath.Join(r.work, name+".tar")
	if _, err := git(ctx, r.dir, "archive", "--format=tar", "--prefix="+name+"/", "--output="+tarball, "HEAD"); err != nil {
		return err
	}
	content, err := os.Open(tarball)
	if err != nil {
		return err
	}
	defer content.Close()
	return create(filepath.Join(r.out, name+".tar.gz"), func(w io.Writer) error {
		return gzipped(w, func(w io.Writer) error {
			_, err := io.Copy(w, content)
			return err
		})
	})
}

// checksums writes SHA256SUMS, for sha256sum --check.
func (r *release) checksums() error {
	files, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, f := range files {
		sum, err := sha256Of(filepath.Join(r.out, f.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%s  %s\n", sum, f.Name())
	}
	return create(filepath.Join(r.out, "SHA256SUMS"), func(w io.Writer) error {
		_, err := w.Write(sums.Bytes())
		return err
	})
}

func sha256Of(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), nil
}

func writeTar(w io.Writer, at time.Time, entries []entry) error {
	t := tar.NewWriter(w)
	for _, e := range entries {
		h := &tar.Header{
			Name: e.name, Mode: e.mode, ModTime: at, Uid: e.uid, Gid: e.uid, Format: tar.FormatPAX,
			Typeflag: tar.TypeReg, Size: int64(len(e.content)),
		}
		if e.content == nil {
			h.Typeflag = tar.TypeDir
		}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := t.Write(e.content); err != nil {
			return err
		}
	}
	return t.Close()
}

func writeZip(w io.Writer, at time.Time, entries []entry) error {
	z := zip.NewWriter(w)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: at}
		h.SetMode(os.FileMode(e.mode))
		f, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := f.Write(e.content); err != nil {
			return err
		}
	}
	return z.Close()
}

func gzipped(w io.Writer, write func(io.Writer) error) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := write(z); err != nil {
		return err
	}
	return z.Close()
}

// create writes a file, and reports what closing it says.
func create(name string, write func(io.Writer) error) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644) //nolint:gosec // it is published
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
