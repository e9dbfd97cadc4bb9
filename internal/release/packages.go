package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb" // registers the format
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm" // registers the format
)

// packages writes a Debian and an RPM package of a Linux program. What they
// install besides the program is in deploy/package.
func (r *release) packages(p program, licenses []byte) error {
	if p.os != "linux" {
		return nil
	}
	notices := filepath.Join(filepath.Dir(p.file), "LICENSES.txt")
	if err := os.WriteFile(notices, licenses, 0o600); err != nil {
		return err
	}
	for _, format := range []string{"deb", "rpm"} {
		info := r.packageInfo(p, notices)
		if err := nfpm.PrepareForPackager(info, format); err != nil {
			return err
		}
		packager, err := nfpm.Get(format)
		if err != nil {
			return err
		}
		name := filepath.Join(r.out, packager.ConventionalFileName(info))
		if err := create(name, func(w io.Writer) error { return packager.Package(info, w) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *release) packageInfo(p program, notices string) *nfpm.Info {
	in := func(name string) string { return filepath.Join(r.dir, name) }
	contents := files.Contents{
		r.content(p.file, "/usr/bin/pingr", 0o755),
		r.content(in("deploy/package/pingr.service"), "/usr/lib/systemd/system/pingr.service", 0o644),
		// It may hold a database's password: the service reads it, other users do not.
		// The scripts create the group before files are unpacked.
		{
			Source: in("deploy/package/pingr.conf"), Destination: "/etc/pingr/pingr.conf", Type: files.TypeConfigNoReplace,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "pingr", Mode: 0o640, MTime: r.at},
		},
		r.content(in("LICENSE"), "/usr/share/doc/pingr/copyright", 0o644),
		r.content(notices, "/usr/share/doc/pingr/LICENSES.txt", 0o644),
		r.content(in("NOTICE"), "/usr/share/doc/pingr/NOTICE", 0o644),
	}
	arch := p.arch
	if arch == "arm" {
		arch = "arm7"
	}
	version, prerelease, _ := strings.Cut(r.version, "-")
	return nfpm.WithDefaults(&nfpm.Info{
		Name: "pingr", Arch: arch, Platform: "linux", Version: version, Prerelease: prerelease, Release: "1",
		Section: "net", Priority: "optional", Maintainer: "The Pingr authors", Vendor: "The Pingr authors",
		License: "MIT AND GPL-3.0-only", MTime: r.at, DisableGlobbing: true,
		Description: "WhatsApp as the login button\n" +
			"Somebody texts to your WhatsApp number, Pingr asks your backend what to answer,\n" +
			"and a one-time link goes back. This is the server: a REST API and a dashboard.",
		Overridables: nfpm.Overridables{
			Contents:   contents,
			Recommends: []string{"ca-certificates"},
			Scripts: nfpm.Scripts{
				PreInstall: in("deploy/package/preinstall.sh"), PostInstall: in("deploy/package/postinstall.sh"),
				PreRemove: in("deploy/package/preremove.sh"), PostRemove: in("deploy/package/postremove.sh"),
			},
			RPM: nfpm.RPM{BuildHost: "localhost", Summary: "WhatsApp as the login button"},
		},
	})
}

func (r *release) content(source, destination string, mode os.FileMode) *files.Content {
	return &files.Content{
		Source: source, Destination: destination,
		FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: mode, MTime: r.at},
	}
}
