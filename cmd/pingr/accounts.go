package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr/hosted"
)

// An accountLine is what account list prints of an account.
type accountLine struct {
	ID      string    `json:"id"`
	Email   string    `json:"email"`
	Plan    string    `json:"plan"`
	Created time.Time `json:"created_at"`
}

func (a *app) accountListCommand() *cobra.Command {
	var asJSON bool
	c := a.command(cobra.Command{
		Use: "list", Short: "List the accounts, oldest first",
		Example: "  pingr account list\n  pingr account list --json",
	}, func(cmd *cobra.Command, _ []string) error {
		if err := a.config.existingDatabase(); err != nil {
			return err
		}
		return a.withStore(cmd.Context(), func(store database) error {
			accounts, err := store.Accounts(cmd.Context())
			if err != nil {
				return err
			}
			return a.sayAccounts(accounts, asJSON)
		})
	})
	c.Flags().BoolVar(&asJSON, "json", false, "print one line of JSON per account")
	return c
}

func (a *app) sayAccounts(accounts []hosted.Account, asJSON bool) error {
	if len(accounts) == 0 && !asJSON {
		fmt.Fprintln(a.err, "There is no account yet. Create one with pingr account create.")
		return nil
	}
	t := newTable("EMAIL", "PLAN", "CREATED", "ID")
	for _, one := range accounts {
		if asJSON {
			if err := a.writeJSON(accountLine{one.ID, one.Email, one.Plan, one.CreatedAt}); err != nil {
				return err
			}
			continue
		}
		t.add(one.Email, one.Plan, local(one.CreatedAt), one.ID)
	}
	if !asJSON {
		t.print(a.out)
	}
	return nil
}

func (a *app) accountPlanCommand() *cobra.Command {
	var email string
	c := a.command(cobra.Command{
		Use: "plan --account EMAIL PLAN", Short: "Move an account to another plan",
		Long: "Moves an account to a plan. pingr serve may be running on the database, and applies\n" +
			"the plan to the next message. What is used this month stays used.",
		Example: "  pingr account plan --account anna@example.com growth", Args: cobra.ExactArgs(1),
	}, func(cmd *cobra.Command, args []string) error { return a.setPlan(cmd.Context(), email, args[0]) })
	c.Flags().StringVar(&email, "account", "", "email address of the account (required)")
	c.Flags().StringVar(&a.flags.plans, "plans", "", plansUsage)
	return c
}

func (a *app) setPlan(ctx context.Context, email, plan string) error {
	plans, err := a.config.plans()
	if err != nil {
		return err
	}
	if names := planNames(plans); !slices.Contains(names, plan) {
		return usagef("the plan %q is not one of %s", plan, strings.Join(names, ", "))
	}
	return a.withAccount(ctx, email, func(store database, owner hosted.Account) error {
		_, err := store.UpdateAccount(ctx, owner.ID, func(one *hosted.Account) error { one.Plan = plan; return nil })
		if err == nil {
			fmt.Fprintln(a.err, plain(owner.Email)+" is on the plan "+plain(plan)+".")
		}
		return err
	})
}
