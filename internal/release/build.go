package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// toolchain compiles every release. Another Go fetches it as a module, whose
// content the checksum database fixes.
const toolchain = "go1.26.8"

// environment is what the go command sees: nothing that would let two machines
// build differently.
func environment(p platform) []string {
	env := []string{
		"GOOS=" + p.os, "GOARCH=" + p.arch, "GOARM=7", "GOAMD64=v1", "GOARM64=v8.0", "CGO_ENABLED=0",
		"GOTOOLCHAIN=" + toolchain, "GOFLAGS=", "GOEXPERIMENT=", "GOFIPS140=off", "GODEBUG=", "GOWORK=off",
	}
	for _, one := range os.Environ() {
		name, _, _ := strings.Cut(one, "=")
		switch {
		case !strings.HasPrefix(name, "GO") && !strings.HasPrefix(name, "CGO_"),
			name == "GOPROXY", name == "GOSUMDB", name == "GOCACHE", name == "GOMODCACHE", name == "GOPATH":
			env = append(env, one) // where Go keeps and finds things
		}
	}
	return env
}

// build compiles pingr for a platform: static, without paths of this machine,
// stamped with the tag and its commit.
func (r *release) build(ctx context.Context, p platform) (program, error) {
	built := program{p, filepath.Join(r.work, strings.ReplaceAll(p.String(), "/", "-"), executable(p))}
	_, err := output(ctx, r.dir, environment(p), "go", "build", "-trimpath", "-buildvcs=true", "-ldflags=-s -w",
		"-o", built.file, "./cmd/pingr")
	if err != nil {
		return built, err
	}
	info, err := buildinfo.ReadFile(built.file)
	if err != nil {
		return built, err
	}
	if info.GoVersion != toolchain || info.Main.Version != r.tag {
		return built, fmt.Errorf("built %s by %s, not %s by %s", info.Main.Version, info.GoVersion, r.tag, toolchain)
	}
	return built, nil
}

func executable(p platform) string {
	if p.os == "windows" {
		return "pingr.exe"
	}
	return "pingr"
}
