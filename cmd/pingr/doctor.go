package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

// A finding is what one check of doctor found.
type finding struct {
	Check string `json:"check"`
	// Status is "ok", "warn", "fail", or "skip" if there was nothing to check.
	Status string `json:"status"`
	Found  string `json:"found"`
	// Do says what to do. It is empty if all is well.
	Do string `json:"do,omitempty"`
}

func ok(check, format string, args ...any) finding {
	return finding{check, "ok", fmt.Sprintf(format, args...), ""}
}

func skip(check, found string) finding { return finding{check, "skip", found, ""} }

func warn(check, do, format string, args ...any) finding {
	return finding{check, "warn", fmt.Sprintf(format, args...), do}
}

func fail(check, do, format string, args ...any) finding {
	return finding{check, "fail", fmt.Sprintf(format, args...), do}
}

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	c := a.command(cobra.Command{
		Use:   "doctor",
		Short: "Check configuration, database, clock, disk, webhook and sessions",
		Long: "Checks everything around Pingr that can be wrong, and tells you what to do about it.\n" +
			"It reads every database file in full, at about 100 MB a second.\n" +
			"It sends no event. Pingr may be running.\n\n" +
			"Exits with 1 if a check failed. Warnings do not count.",
		Example: "  pingr doctor --data /var/lib/pingr",
	}, func(cmd *cobra.Command, _ []string) error {
		findings := a.examine(cmd.Context())
		if asJSON {
			if err := a.writeJSON(map[string]any{"checks": findings}); err != nil {
				return err
			}
		} else {
			a.sayFindings(findings)
		}
		for _, f := range findings {
			if f.Status == "fail" {
				return errSaid
			}
		}
		return nil
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) sayFindings(findings []finding) {
	s := styleOf(a.out)
	paint := map[string]func(string) string{"ok": s.green, "warn": s.yellow, "fail": s.red, "skip": s.faint}
	for _, f := range findings {
		fmt.Fprintf(a.out, "%s  %-14s %s\n", paint[f.Status](fmt.Sprintf("%-4s", f.Status)), plain(f.Check), plain(f.Found))
		if f.Do != "" {
			fmt.Fprintf(a.out, "      %-14s → %s\n", "", plain(f.Do))
		}
	}
}

// examine runs all checks, in the order in which a person would look.
func (a *app) examine(ctx context.Context) []finding {
	findings := []finding{a.checkConfig()}
	dir, readable := a.checkDir()
	findings = append(findings, dir)
	if readable {
		findings = append(findings, a.checkDisk())
		findings = append(findings, a.checkFiles(ctx)...)
		findings = append(findings, a.checkStore(ctx)...)
	}
	return append(findings, a.checkWebhook(ctx)...)
}
