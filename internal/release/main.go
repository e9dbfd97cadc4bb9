// Command release builds what a tag releases, from that tag alone: programs for
// every platform, Debian and RPM packages, a container image, an SBOM and the
// licenses of what is linked, and checksums. The same tag gives the same bytes
// on every machine. It needs git and Go, and no container engine.
//
// It is a module of its own, so that programs that import Pingr do not inherit
// what only packaging needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "release: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("release", flag.ContinueOnError)
	tag := f.String("tag", "", "the `tag` to release, such as v1.2.3 (default: the tag of the current commit)")
	repository := f.String("repository", ".", "`directory` of the repository that has the tag")
	out := f.String("out", "dist", "`directory` to create and write to; it must not exist")
	only := f.String("only", "", "comma-separated `platforms` such as linux/arm64 (default: all)")
	push := f.String("push", "", "push the container image to this `reference`, such as registry.example.com/pingr:1.2.3")
	if err := f.Parse(args); err != nil {
		return err
	}
	wanted, err := selectPlatforms(*only)
	if err != nil {
		return err
	}
	if _, err := os.Stat(*out); err == nil {
		return fmt.Errorf("%s exists: remove it, or give another directory with -out", *out)
	}
	work, err := os.MkdirTemp("", "pingr-release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	src, err := checkout(ctx, *repository, *tag, filepath.Join(work, "source"))
	if err != nil {
		return err
	}
	r := &release{source: src, out: *out, work: work}
	if err := r.make(ctx, wanted); err != nil {
		return err
	}
	if *push != "" {
		return r.push(ctx, *push)
	}
	return nil
}

// A release is what one tag releases.
type release struct {
	source
	out, work string
	programs  []program
}

// A program is the built binary of one platform.
type program struct {
	platform
	file string
}

// make builds everything into r.out, which appears when it is complete.
func (r *release) make(ctx context.Context, platforms []platform) error {
	final := r.out
	r.out = final + ".part"
	if err := os.RemoveAll(r.out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil { //nolint:gosec // it is published
		return err
	}
	var licenses []byte
	for _, p := range platforms {
		began := time.Now()
		built, err := r.build(ctx, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if licenses, err = r.licenses(ctx, built); err != nil {
			return fmt.Errorf("%s: licenses: %w", p, err)
		}
		r.programs = append(r.programs, built)
		for what, write := range map[string]func() error{
			"archive":  func() error { return r.archive(built, licenses) },
			"SBOM":     func() error { return r.sbom(built) },
			"packages": func() error { return r.packages(built, licenses) },
		} {
			if err := write(); err != nil {
				return fmt.Errorf("%s: %s: %w", p, what, err)
			}
		}
		fmt.Printf("%-15s %4.0f s\n", p, time.Since(began).Seconds())
	}
	if err := r.image(licenses); err != nil {
		return fmt.Errorf("image: %w", err)
	}
	if err := r.sourceArchive(ctx); err != nil {
		return fmt.Errorf("source archive: %w", err)
	}
	if err := r.checksums(); err != nil {
		return err
	}
	if err := os.Rename(r.out, final); err != nil {
		return err
	}
	r.out = final
	fmt.Printf("%s (%s) is in %s\n", r.tag, r.commit[:12], final)
	return nil
}

// A platform is an operating system and a processor, in Go's words.
type platform struct{ os, arch string }

func (p platform) String() string { return p.os + "/" + p.arch }

// platforms are those that are released. On arm, it is ARMv7.
var platforms = []platform{
	{"linux", "amd64"},
	{"linux", "arm64"},
	{"linux", "arm"},
	{"darwin", "amd64"},
	{"darwin", "arm64"},
	{"windows", "amd64"},
}

func selectPlatforms(list string) ([]platform, error) {
	if list == "" {
		return platforms, nil
	}
	var selected []platform
	for name := range strings.SplitSeq(list, ",") {
		system, arch, _ := strings.Cut(name, "/")
		p := platform{system, arch}
		if !slices.Contains(platforms, p) {
			return nil, fmt.Errorf("-only: no platform %q; the platforms are %v", name, platforms)
		}
		selected = append(selected, p)
	}
	return selected, nil
}

// name is the name of a file of the release, such as pingr_1.2.3_linux_armv7.
func (r *release) name(p platform) string {
	arch := p.arch
	if arch == "arm" {
		arch = "armv7"
	}
	return fmt.Sprintf("pingr_%s_%s_%s", r.version, p.os, arch)
}
