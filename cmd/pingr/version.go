package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr"
)

// license is what people who pass the program on have to know. light_test.go
// lists which packages link libsignal.
const license = "Pingr's source is under the MIT License. This program links go.mau.fi/libsignal, " +
	"so it may only be distributed under the terms of the GNU GPL, version 3."

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	c := a.command(cobra.Command{
		Use:     "version",
		Short:   "Print the program's version and license",
		Example: "  pingr version --json",
	}, func(*cobra.Command, []string) error {
		about := struct {
			Version  string `json:"version"`
			Revision string `json:"revision,omitempty"`
			Go       string `json:"go"`
			Platform string `json:"platform"`
			License  string `json:"license"`
		}{pingr.Version, revision(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, license}
		if asJSON {
			return a.writeJSON(about)
		}
		text := "pingr " + about.Version
		if about.Revision != "" {
			text += " (" + about.Revision + ")"
		}
		fmt.Fprintf(a.out, "%s %s %s\n%s\n", text, about.Go, about.Platform, license)
		return nil
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// revision returns the commit from which the program was built, if the build
// knows it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var commit, changed string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			commit = s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	if commit == "" {
		return ""
	}
	return commit + changed
}
