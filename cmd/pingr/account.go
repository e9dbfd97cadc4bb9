package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server"
)

// group returns a command that only holds others.
func group(use, short, example string, commands ...*cobra.Command) *cobra.Command {
	names := make([]string, len(commands))
	for i, c := range commands {
		names[i] = c.Name()
	}
	c := &cobra.Command{Use: use, Short: short, Example: example, Args: cobra.NoArgs, RunE: func(
		*cobra.Command, []string,
	) error {
		return usagef("name a subcommand: %s", strings.Join(names, ", "))
	}}
	c.AddCommand(commands...)
	return c
}

func (a *app) accountCommand() *cobra.Command {
	var email, plan string
	create := a.command(cobra.Command{
		Use:   "create --email ADDRESS",
		Short: "Create an account and print its id",
		Long: "Creates an account in the database. pingr serve may be running on it.\n\n" +
			"Prompts for the password, or reads it from stdin. There is no flag for it, since\n" +
			"others could read that.",
		Example: "  pingr account create --email anna@example.com\n  pingr account create --email anna@example.com " +
			"--plan growth < password.txt",
	}, func(cmd *cobra.Command, _ []string) error { return a.createAccount(cmd.Context(), email, plan) })
	create.Flags().StringVar(&email, "email", "", "email address to log in with (required)")
	create.Flags().StringVar(&plan, "plan", "",
		"plan: "+strings.Join(planNames(hosted.DefaultPlans()), ", ")+" or one of PINGR_PLANS (default: the last one)")
	create.Flags().StringVar(&a.flags.plans, "plans", "", plansUsage)
	var owner string
	password := a.command(cobra.Command{
		Use:   "password --account EMAIL",
		Short: "Set an account's password and end all its logins",
		Long: "Sets the password of an account whose password is lost or known to others. pingr\n" +
			"serve may be running on the database. All logins of the account end; its API keys\nstay valid.\n\n" +
			"Prompts for the password, or reads it from stdin. There is no flag for it.",
		Example: "  pingr account password --account anna@example.com\n  pingr account password --account " +
			"anna@example.com < password.txt",
	}, func(cmd *cobra.Command, _ []string) error { return a.setPassword(cmd.Context(), owner) })
	password.Flags().StringVar(&owner, "account", "", "email address of the account (required)")
	return group("account", "Create and list accounts, set their passwords and plans",
		"  pingr account create --email anna@example.com", create, password, a.accountListCommand(), a.accountPlanCommand())
}

func (a *app) setPassword(ctx context.Context, email string) error {
	return a.withAccount(ctx, email, func(store database, owner hosted.Account) error {
		password, err := a.readPassword()
		if err != nil {
			return fmt.Errorf("read password: %w", err)
		}
		hash, err := server.HashPassword(password)
		if err != nil {
			return err
		}
		if _, err := store.UpdateAccount(ctx, owner.ID,
			func(a *hosted.Account) error { a.PasswordHash = hash; return nil }); err != nil {
			return err
		}
		fmt.Fprintln(a.err, "The password of "+plain(owner.Email)+" is set. All its logins have ended.")
		return nil
	})
}

func (a *app) createAccount(ctx context.Context, email, plan string) error {
	plans, err := a.config.plans()
	if err != nil {
		return err
	}
	if plan == "" {
		plan = plans[len(plans)-1].Name
	}
	if names := planNames(plans); !slices.Contains(names, plan) {
		return usagef("--plan %q is not one of %s", plan, strings.Join(names, ", "))
	}
	made, err := hosted.New(email, "", plan, time.Now())
	if err != nil {
		return usageError{"--email: " + err.Error()}
	}
	password, err := a.readPassword()
	if err != nil {
		return fmt.Errorf("read password: %w", err)
	}
	if made.PasswordHash, err = server.HashPassword(password); err != nil {
		return err
	}
	return a.withStore(ctx, func(store database) error {
		err := store.CreateAccount(ctx, made)
		if errors.Is(err, pingr.ErrConflict) {
			return errors.New("an account with this email already exists")
		}
		if err == nil {
			fmt.Fprintln(a.out, made.ID)
		}
		return err
	})
}

// readPassword prompts on a terminal, and reads a line elsewhere.
func (a *app) readPassword() (string, error) {
	all, err := a.readPasswords("Password: ")
	if err != nil {
		return "", err
	}
	return all[0], nil
}

// readPasswords reads as many lines as there are prompts.
func (a *app) readPasswords(prompts ...string) ([]string, error) {
	f, ok := a.in.(*os.File)
	terminal := ok && term.IsTerminal(int(f.Fd()))
	lines := bufio.NewReader(io.LimitReader(a.in, 4096))
	var all []string
	for _, prompt := range prompts {
		if terminal {
			fmt.Fprint(a.err, prompt)
			b, err := term.ReadPassword(int(f.Fd()))
			fmt.Fprintln(a.err)
			if err != nil {
				return nil, err
			}
			all = append(all, string(b))
			continue
		}
		line, err := lines.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		all = append(all, strings.TrimRight(line, "\r\n"))
	}
	return all, nil
}

func (a *app) keyCommand() *cobra.Command {
	var mode, name string
	create := a.either(cobra.Command{
		Use: "create --mode live|test", Short: "Create an API key and print it, this once",
		Example: "  pingr key create --account anna@example.com --mode live\n  pingr key create --mode test --name \"Shop\"",
	}, func(cmd *cobra.Command, email string, asJSON bool, _ []string) error {
		return a.withAccount(cmd.Context(), email, func(store database, owner hosted.Account) error {
			if mode != string(hosted.Live) && mode != string(hosted.Test) {
				return usagef("--mode %q must be live or test", mode)
			}
			secret, k := hosted.NewKey(owner.ID, name, hosted.Mode(mode), time.Now())
			if err := store.CreateKey(cmd.Context(), k); err != nil {
				return fmt.Errorf("create key: %w", err)
			}
			if asJSON {
				return a.writeJSON(keyLine{k.ID, secret, k.Mode, k.Name, k.CreatedAt, false})
			}
			fmt.Fprintln(a.out, secret)
			return nil
		})
	}, func(ctx context.Context, c *client, _ []string) error {
		if mode != string(hosted.Live) && mode != string(hosted.Test) {
			return usagef("--mode %q must be live or test", mode)
		}
		return c.createKey(ctx, mode, name)
	})
	create.Flags().StringVar(&mode, "mode", "", "live or test (required)")
	create.Flags().StringVar(&name, "name", "", "name for people to read")
	list := a.either(cobra.Command{
		Use: "list", Short: "List an account's API keys",
		Example: "  pingr key list --account anna@example.com\n  pingr key list --json",
	}, func(cmd *cobra.Command, email string, asJSON bool, _ []string) error {
		return a.withAccount(cmd.Context(), email, func(store database, owner hosted.Account) error {
			return a.listKeys(cmd.Context(), store, owner, asJSON)
		})
	}, func(ctx context.Context, c *client, _ []string) error { return c.listKeys(ctx) })
	revoke := a.either(cobra.Command{
		Use: "revoke ID", Short: "Revoke an API key at once and for good",
		Example: "  pingr key revoke --account anna@example.com key_0199c0de\n  pingr key revoke key_0199c0de",
		Args:    cobra.ExactArgs(1),
	}, func(cmd *cobra.Command, email string, _ bool, args []string) error {
		return a.withAccount(cmd.Context(), email, func(store database, owner hosted.Account) error {
			err := store.RevokeKey(cmd.Context(), owner.ID, args[0], time.Now())
			if errors.Is(err, hosted.ErrNotFound) {
				return errors.New("the account has no such key; pingr key list shows the ids")
			}
			return err
		})
	}, func(ctx context.Context, c *client, args []string) error { return c.revokeKey(ctx, args[0]) })
	return group("key", "Create, list and revoke API keys, in the database or at a server",
		"  pingr key create --account anna@example.com --mode test", create, list, revoke)
}

// withAccount finds the account with an e-mail address or an id.
func (a *app) withAccount(ctx context.Context, email string, use func(database, hosted.Account) error) error {
	if email == "" {
		return usageError{"--account is missing: give the account's email address"}
	}
	if err := a.config.existingDatabase(); err != nil {
		return err
	}
	return a.withStore(ctx, func(store database) error {
		owner, err := store.AccountByEmail(ctx, hosted.CleanEmail(email))
		if errors.Is(err, hosted.ErrNotFound) {
			owner, err = store.Account(ctx, email)
		}
		if errors.Is(err, hosted.ErrNotFound) {
			return errors.New("there is no such account; create it with pingr account create")
		}
		if err != nil {
			return err
		}
		return use(store, owner)
	})
}

// A keyLine is what key list prints of a key.
type keyLine struct {
	ID      string      `json:"id"`
	Key     string      `json:"key"`
	Mode    hosted.Mode `json:"mode"`
	Name    string      `json:"name"`
	Created time.Time   `json:"created_at"`
	Revoked bool        `json:"revoked"`
}

func (a *app) listKeys(ctx context.Context, store database, owner hosted.Account, asJSON bool) error {
	keys, err := store.Keys(ctx, owner.ID)
	if err != nil {
		return err
	}
	for _, k := range keys {
		line := keyLine{k.ID, k.Display(), k.Mode, k.Name, k.CreatedAt, !k.RevokedAt.IsZero()}
		if asJSON {
			if err := a.writeJSON(line); err != nil {
				return err
			}
			continue
		}
		note := ""
		if line.Revoked {
			note = "  revoked"
		}
		fmt.Fprintln(a.out, plain(fmt.Sprintf("%s  %s  %s  %s%s", line.ID, line.Key, line.Created.Format(time.DateOnly),
			line.Name, note)))
	}
	return nil
}
