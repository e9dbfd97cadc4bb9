package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A source is the tree of one tag, without anything that is not in it.
type source struct {
	dir          string
	tag, version string
	commit       string
	at           time.Time // of the commit; every file of the release has it
}

var (
	tagForm      = regexp.MustCompile(`^v\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`)
	versionConst = regexp.MustCompile(`(?m)^const Version = "([^"]+)"$`)
)

// checkout clones the tag of a repository into dir. The repository's own work
// tree, and what is not committed in it, plays no part.
func checkout(ctx context.Context, repository, tag, dir string) (source, error) {
	s := source{dir: dir, tag: tag}
	if s.tag == "" {
		out, err := git(ctx, repository, "describe", "--exact-match", "--tags", "HEAD")
		if err != nil {
			return s, errors.New("the current commit has no tag: give one with -tag, or create it with git tag v1.2.3")
		}
		s.tag = out
	}
	if !tagForm.MatchString(s.tag) {
		return s, fmt.Errorf("tag %q must have the form v1.2.3 or v1.2.3-rc.1", s.tag)
	}
	s.version = strings.TrimPrefix(s.tag, "v")
	origin, err := filepath.Abs(repository)
	if err != nil {
		return s, err
	}
	if _, err := git(ctx, ".", "-c", "advice.detachedHead=false", "clone", "--quiet", "--no-hardlinks",
		"--config", "core.autocrlf=false", "--branch", s.tag, origin, dir); err != nil {
		return s, err
	}
	if s.commit, err = git(ctx, dir, "rev-parse", "HEAD"); err != nil {
		return s, err
	}
	seconds, err := git(ctx, dir, "log", "-1", "--format=%ct")
	if err != nil {
		return s, err
	}
	var unix int64
	if _, err := fmt.Sscan(seconds, &unix); err != nil {
		return s, fmt.Errorf("time of %s: %w", s.tag, err)
	}
	s.at = time.Unix(unix, 0).UTC()
	text, err := os.ReadFile(filepath.Join(dir, "pingr.go"))
	if err != nil {
		return s, err
	}
	said := versionConst.FindSubmatch(text)
	if said == nil || string(said[1]) != s.version {
		return s, fmt.Errorf("tag %s does not fit: Version in its pingr.go must be %q, not %q",
			s.tag, s.version, bytes.Join(said[min(1, len(said)):], nil))
	}
	return s, nil
}

// file reads a file of the tag.
func (s source) file(name string) ([]byte, error) { return os.ReadFile(filepath.Join(s.dir, name)) }

func git(ctx context.Context, dir string, args ...string) (string, error) {
	return output(ctx, dir, nil, "git", args...)
}

// output runs a command and returns what it prints. Its error has what the
// command said.
func output(ctx context.Context, dir string, env []string, command string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, command, args...) //nolint:gosec // git and go, with arguments from this program
	cmd.Dir, cmd.Env = dir, env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", command, args[0], err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(stdout.String()), nil
}
