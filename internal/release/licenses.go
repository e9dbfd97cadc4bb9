package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var licenseFile = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([-.].*)?$`)

// licenses returns the licenses and notices of everything that is linked into a
// program. Most of them ask that whoever passes the program on passes them on.
func (r *release) licenses(ctx context.Context, p program) ([]byte, error) {
	info, err := buildinfo.ReadFile(p.file)
	if err != nil {
		return nil, err
	}
	args := []string{"mod", "download", "-json"}
	for _, m := range info.Deps {
		args = append(args, m.Path+"@"+m.Version)
	}
	said, err := output(ctx, r.dir, environment(p.platform), "go", args...)
	if err != nil {
		return nil, err
	}
	goroot, err := output(ctx, r.dir, environment(p.platform), "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	var all bytes.Buffer
	all.WriteString("What pingr " + r.tag + " is made of, and under which licenses.\n")
	if err := appendLicenses(&all, "github.com/heypingr/pingr "+r.tag, r.dir); err != nil {
		return nil, err
	}
	if err := appendLicenses(&all, "the Go standard library "+info.GoVersion, goroot); err != nil {
		return nil, err
	}
	for modules := json.NewDecoder(strings.NewReader(said)); ; {
		var m struct{ Path, Version, Dir string }
		if err := modules.Decode(&m); err == io.EOF {
			return all.Bytes(), nil
		} else if err != nil {
			return nil, err
		}
		if err := appendLicenses(&all, m.Path+" "+m.Version, m.Dir); err != nil {
			return nil, err
		}
	}
}

func appendLicenses(all *bytes.Buffer, module, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	found := 0
	for _, e := range entries {
		if e.IsDir() || !licenseFile.MatchString(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		found++
		line := strings.Repeat("=", 80)
		fmt.Fprintf(all, "\n%s\n%s: %s\n%s\n\n%s\n", line, module, e.Name(), line, bytes.TrimSpace(text))
	}
	if found == 0 {
		return fmt.Errorf("%s has no license file", module)
	}
	return nil
}
