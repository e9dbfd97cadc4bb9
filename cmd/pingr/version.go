package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr"
)

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	c := a.command(cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  pingr version --json",
	}, func(*cobra.Command, []string) error {
		about := struct {
			Version  string `json:"version"`
			Revision string `json:"revision,omitempty"`
			Go       string `json:"go"`
			Platform string `json:"platform"`
		}{pingr.Version, revision(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
		if asJSON {
			return a.writeJSON(about)
		}
		text := "pingr " + about.Version
		if about.Revision != "" {
			text += " (" + about.Revision + ")"
		}
		fmt.Fprintln(a.out, text, about.Go, about.Platform)
		return nil
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// revision is the commit that the program was built from, where the build
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
