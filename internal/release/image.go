package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// imageUser runs the container's program and owns its data. It is the user that
// images without a shell have by custom.
const imageUser = 65532

// image writes an OCI image layout with an image for each Linux processor with
// 64 bits, as a tar that container engines load.
func (r *release) image(licenses []byte) error {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range r.programs {
		if p.os != "linux" || p.arch == "arm" {
			continue
		}
		image, err := r.imageOf(p, licenses)
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: p.os, Architecture: p.arch}},
		})
	}
	if manifest, err := index.IndexManifest(); err != nil || len(manifest.Manifests) == 0 {
		return err
	}
	dir := r.layout()
	written, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	err = written.AppendIndex(index, layout.WithAnnotations(map[string]string{
		"org.opencontainers.image.ref.name": r.version,
		"io.containerd.image.name":          "pingr:" + r.version, // the name after docker load
	}))
	if err != nil {
		return err
	}
	var entries []entry
	err = filepath.WalkDir(dir, func(file string, d os.DirEntry, err error) error {
		if err != nil || file == dir {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		e := entry{name: filepath.ToSlash(name), mode: 0o644}
		if d.IsDir() {
			e.name, e.mode = e.name+"/", 0o755
		} else if e.content, err = os.ReadFile(file); err != nil {
			return err
		}
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		return err
	}
	return create(filepath.Join(r.out, "pingr_"+r.version+"_image.tar"), func(w io.Writer) error {
		return writeTar(w, r.at, entries)
	})
}

func (r *release) layout() string { return filepath.Join(r.work, "image") }

// imageOf is the image for one processor: the program, the certificate
// authorities, a user, and a directory for data that is this user's.
func (r *release) imageOf(p program, licenses []byte) (v1.Image, error) {
	binary, err := os.ReadFile(p.file)
	if err != nil {
		return nil, err
	}
	user := fmt.Sprintf("pingr:x:%d:%d:Pingr:/data:/sbin/nologin\n", imageUser, imageUser)
	base := []entry{
		{name: "data/", mode: 0o700, uid: imageUser},
		{name: "etc/passwd", mode: 0o644, content: []byte("root:x:0:0:root:/:/sbin/nologin\n" + user)},
		{name: "etc/group", mode: 0o644, content: fmt.Appendf([]byte("root:x:0:\n"), "pingr:x:%d:\n", imageUser)},
		{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, content: authorities()},
		{name: "tmp/", mode: 0o1777},
	}
	program := []entry{
		{name: "usr/bin/pingr", mode: 0o755, content: binary},
		{name: "usr/share/doc/pingr/LICENSES.txt", mode: 0o644, content: licenses},
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, one := range []struct {
		comment string
		entries []entry
	}{{"a user, its data directory, certificate authorities", base}, {"pingr " + r.tag, program}} {
		layer, err := r.layer(one.entries)
		if err != nil {
			return nil, err
		}
		image, err = mutate.Append(image, mutate.Addendum{
			Layer: layer, History: v1.History{Created: v1.Time{Time: r.at}, CreatedBy: "release", Comment: one.comment},
		})
		if err != nil {
			return nil, err
		}
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = p.os, p.arch, v1.Time{Time: r.at}
	config.Config = r.imageConfig()
	return mutate.ConfigFile(image, config)
}

// imageConfig is how an engine runs the image. Engines that follow OCI alone
// don't know Healthcheck; compose.yaml and the chart have checks of their own.
func (r *release) imageConfig() v1.Config {
	return v1.Config{
		User:       fmt.Sprintf("%d:%d", imageUser, imageUser),
		Entrypoint: []string{"/usr/bin/pingr"},
		Cmd:        []string{"serve"},
		Env: []string{
			"PATH=/usr/bin", "PINGR_DATA=/data", "PINGR_LISTEN=0.0.0.0:8080", "HOME=/data",
		},
		WorkingDir:   "/data",
		Volumes:      map[string]struct{}{"/data": {}},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		StopSignal:   "SIGTERM",
		Healthcheck: &v1.HealthConfig{
			Test: []string{"CMD", "/usr/bin/pingr", "health"}, Interval: 30e9, Timeout: 10e9, StartPeriod: 10e9, Retries: 3,
		},
		Labels: map[string]string{
			"org.opencontainers.image.title":    "Pingr",
			"org.opencontainers.image.version":  r.version,
			"org.opencontainers.image.revision": r.commit,
			"org.opencontainers.image.licenses": "MIT AND GPL-3.0-only",
		},
	}
}

// layer is a layer with the entries and the directories above them.
func (r *release) layer(entries []entry) (v1.Layer, error) {
	var all []entry
	made := map[string]bool{".": true}
	for _, e := range entries {
		var above []entry
		for dir := path.Dir(path.Clean(e.name)); !made[dir]; dir = path.Dir(dir) {
			made[dir] = true
			above = append([]entry{{name: dir + "/", mode: 0o755}}, above...)
		}
		all = append(append(all, above...), e)
	}
	var content bytes.Buffer
	if err := writeTar(&content, r.at, all); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
}

// authorities are Mozilla's certificate authorities, as the Go team keeps them.
// Those that are trusted under conditions only, which a file cannot say, are left
// out.
func authorities() []byte {
	var all bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			all.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}))
		}
	}
	return all.Bytes()
}

// push writes the images to a registry, as whoever the machine's own container
// tools are logged in as.
func (r *release) push(ctx context.Context, reference string) error {
	to, err := name.ParseReference(reference)
	if err != nil {
		return err
	}
	written, err := layout.FromPath(r.layout())
	if err != nil {
		return err
	}
	all, err := written.ImageIndex()
	if err != nil {
		return err
	}
	manifest, err := all.IndexManifest()
	if err != nil {
		return err
	}
	index, err := all.ImageIndex(manifest.Manifests[0].Digest)
	if err != nil {
		return err
	}
	err = remote.WriteIndex(to, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
	if err != nil {
		return err
	}
	fmt.Printf("pushed %s@%s\n", to, manifest.Manifests[0].Digest)
	return nil
}
