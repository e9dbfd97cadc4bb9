package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr/store/sqlite"
)

func (a *app) repairCommand() *cobra.Command {
	var asJSON bool
	c := a.command(cobra.Command{
		Use:   "repair",
		Short: "Save the readable part of a damaged database",
		Long: "Reads all of pingr.db. If it is damaged, repair saves what it can read into a new\n" +
			"file, starting with the rows that keep messages from being answered twice. It keeps\n" +
			"the damaged file beside it under another name, and prints what it saved of each\ntable.\n\n" +
			"Stop Pingr first. If you have a backup of pingr.db (pingr backup), compare the two:\n" +
			"the backup is whole, but lacks everything since.\n\n" +
			"A damaged delivery log needs no repair: Pingr sets it aside at the next start. The\n" +
			"keys of numbers (whatsapp.db) cannot be repaired: link those numbers again.",
		Example: "  pingr doctor\n  pingr repair --data /var/lib/pingr",
		Args:    cobra.NoArgs,
	}, func(cmd *cobra.Command, _ []string) error {
		if a.config.Database != "" {
			return errors.New("the database is PostgreSQL: repair it with its own tools, or restore a dump")
		}
		dir, err := a.config.existingData()
		if err != nil {
			return err
		}
		if _, err := os.Stat(filepath.Join(dir, "pingr.db")); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("there is no pingr.db in %s", dir)
		}
		done, err := sqlite.Repair(cmd.Context(), dir)
		if err != nil {
			return err
		}
		if asJSON {
			return a.writeJSON(repairedJSON(done))
		}
		a.sayRepaired(done)
		return nil
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func (a *app) sayRepaired(done sqlite.Repaired) {
	if done.Aside == "" {
		fmt.Fprintln(a.out, "pingr.db is not damaged. There is nothing to repair.")
		return
	}
	for _, found := range done.Damage.Found {
		fmt.Fprintln(a.err, "found: "+found)
	}
	for _, t := range done.Tables {
		fmt.Fprintln(a.out, t)
	}
	if done.Keys > 0 {
		fmt.Fprintf(a.out, "%d lost message keys were recreated from their firings\n", done.Keys)
	}
	fmt.Fprintf(a.err, "The damaged file is now %s. Start Pingr and run pingr doctor. Then check the disk.\n", done.Aside)
}

type salvagedJSON struct {
	Table      string `json:"table"`
	Rows       int    `json:"rows"`
	Unreadable int    `json:"unreadable"`
	Incomplete bool   `json:"incomplete"`
}

func repairedJSON(done sqlite.Repaired) map[string]any {
	tables, found := []salvagedJSON{}, []string{}
	for _, t := range done.Tables {
		tables = append(tables, salvagedJSON(t))
	}
	if done.Damage != nil {
		found = append(found, done.Damage.Found...)
	}
	return map[string]any{
		"damaged": done.Damage != nil, "found": found, "aside": done.Aside, "tables": tables, "keys_made_again": done.Keys,
	}
}
