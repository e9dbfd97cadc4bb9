package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr/store/sqlite"
)

func (a *app) backupCommand() *cobra.Command {
	var asJSON bool
	c := a.command(cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the database, even while Pingr runs",
		Long: "Writes a consistent copy of pingr.db to a new file: triggers, sessions, firings,\n" +
			"limits and queued events. It never overwrites a file. To restore the copy, stop\n" +
			"Pingr and put the copy into an empty data directory as pingr.db.\n\n" +
			"The copy contains neither the delivery log nor the keys of linked numbers. Old keys\n" +
			"would break every conversation, so link the numbers again instead.",
		Example: "  pingr backup /var/backups/pingr-$(date +%F).db",
		Args:    cobra.ExactArgs(1),
	}, func(cmd *cobra.Command, args []string) (err error) {
		if a.config.Database != "" {
			return errors.New("the database is PostgreSQL: copy it with pg_dump")
		}
		dir, err := a.config.existingData()
		if err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(dir, "pingr.db")); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("there is no pingr.db in %s", dir)
		}
		store, err := sqlite.Open(cmd.Context(), sqlite.Config{Dir: dir, Admin: true})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		file := args[0]
		if err := store.Backup(cmd.Context(), file); err != nil {
			return err
		}
		info, err := os.Stat(file)
		if err != nil {
			return fmt.Errorf("stat the copy: %w", err)
		}
		if asJSON {
			return a.writeJSON(map[string]any{"file": file, "bytes": info.Size()})
		}
		fmt.Fprintln(a.out, file)
		fmt.Fprintf(a.err, "%s written. It contains no keys of numbers: link them again after a restore.\n",
			size(uint64(info.Size())))
		return nil
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// size formats a number of bytes for people.
func size(bytes uint64) string {
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	n, unit := float64(bytes), 0
	for n >= 1024 && unit < len(units)-1 {
		n /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%.0f %s", n, units[unit])
	}
	return fmt.Sprintf("%.1f %s", n, units[unit])
}
