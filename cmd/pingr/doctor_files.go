package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/heypingr/pingr/store/sqlite"
)

// dataFiles are the database files of a data directory, and what to do about a
// damaged one.
var dataFiles = []struct{ name, do string }{
	{"pingr.db", saveWhatCan},
	{"deliveries.db", "Restart Pingr: it sets the file aside and starts a new delivery log. Then check the disk."},
	{
		"whatsapp.db",
		"Stop Pingr, move the file away, and link the numbers again. Never restore an old copy. Then check the disk.",
	},
}

// checkFiles reads all database files through, even while an engine uses them,
// and names those that were set aside.
func (a *app) checkFiles(ctx context.Context) []finding {
	var findings []finding
	dir := a.config.dataDir()
	for _, f := range dataFiles {
		file := filepath.Join(dir, f.name)
		info, err := os.Stat(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		var damage *sqlite.DamageError
		switch err := sqlite.CheckFile(ctx, file); {
		case errors.As(err, &damage) && len(damage.Found) > 0:
			findings = append(findings, fail(f.name, f.do, "damaged: %s", strings.Join(damage.Found, "; ")))
		case errors.As(err, &damage):
			findings = append(findings, fail(f.name, f.do, "damaged: %v", damage.Err))
		case err != nil:
			findings = append(findings, fail(f.name, "Check the file's owner and mode, and the disk.", "%v", err))
		default:
			findings = append(findings, ok(f.name, "fully readable (%s)", size(uint64(info.Size()))))
		}
	}
	aside, _ := filepath.Glob(filepath.Join(dir, "*.damaged-*Z")) // only a bad pattern fails
	for _, file := range aside {
		findings = append(findings, warn("set aside", "Check the disk. Delete the file when you no longer need it.",
			"%s was damaged", filepath.Base(file)))
	}
	return findings
}
