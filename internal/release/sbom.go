package main

import (
	"debug/buildinfo"
	"io"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
)

// sbom writes what is linked into the program, as CycloneDX. It is read from the
// program itself, where the linker recorded it.
func (r *release) sbom(p program) error {
	info, err := buildinfo.ReadFile(p.file)
	if err != nil {
		return err
	}
	sum, err := sha256Of(p.file)
	if err != nil {
		return err
	}
	return create(filepath.Join(r.out, r.name(p.platform)+".cdx.json"), func(w io.Writer) error {
		return cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON).SetPretty(true).Encode(billOf(info, sum, r.at))
	})
}

// billOf is the bill of materials of a program with that SHA-256.
func billOf(info *debug.BuildInfo, sum string, at time.Time) *cdx.BOM {
	main := component(cdx.ComponentTypeApplication, info.Main.Path, info.Main.Version, "")
	main.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum}}
	parts := []cdx.Component{component(cdx.ComponentTypeLibrary, "std", strings.TrimPrefix(info.GoVersion, "go"), "")}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		parts = append(parts, component(cdx.ComponentTypeLibrary, m.Path, m.Version, m.Sum))
	}
	refs := make([]string, len(parts))
	for i, c := range parts {
		refs[i] = c.BOMRef
	}
	var build []cdx.Property
	for _, s := range info.Settings {
		build = append(build, cdx.Property{Name: "go:build:" + s.Key, Value: s.Value})
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Timestamp: at.Format(time.RFC3339), Component: &main, Properties: &build}
	bom.Components = &parts
	bom.Dependencies = &[]cdx.Dependency{{Ref: main.BOMRef, Dependencies: &refs}}
	return bom
}

// component is a Go module. sum is its hash as go.sum has it, if it is known.
func component(kind cdx.ComponentType, path, version, sum string) cdx.Component {
	url := "pkg:golang/" + path + "@" + version
	c := cdx.Component{Type: kind, Name: path, Version: version, PackageURL: url, BOMRef: url}
	if sum != "" {
		c.Properties = &[]cdx.Property{{Name: "go:sum", Value: sum}}
	}
	return c
}
