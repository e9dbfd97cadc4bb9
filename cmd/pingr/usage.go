package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr/server/api"
)

func (a *app) usageCommand() *cobra.Command {
	return a.remote(cobra.Command{
		Use: "usage", Short: "Show this month's messages and their cost",
		Long:    "Shows the replies and sends of this calendar month (in UTC). A test key shows those\nin test mode.",
		Example: "  pingr usage\n  pingr usage --json",
	}, func(ctx context.Context, c *client, _ []string) error { return c.usage(ctx) })
}

func (c *client) usage(ctx context.Context) error {
	var got item[api.Usage]
	if err := c.ask(ctx, http.MethodGet, "/v1/usage", nil, &got); err != nil {
		return err
	}
	if c.json {
		return c.writeJSON(got)
	}
	u := got.value
	t := newTable("MONTH", "PLAN", "USED", "INCLUDED", "REMAINING", "OVERAGE", "COST")
	t.add(u.Month, u.Plan, strconv.FormatInt(u.Used, 10), orUnlimited(u.Included), orUnlimited(u.Remaining),
		strconv.FormatInt(u.OverageMessages, 10), dollars(u.OverageCostMicros))
	t.print(c.out)
	return nil
}

func orUnlimited(n *int64) string {
	if n == nil {
		return "unlimited"
	}
	return strconv.FormatInt(*n, 10)
}

// dollars formats millionths of a dollar with no more digits than needed, but
// at least cents.
func dollars(micros int64) string {
	text := fmt.Sprintf("$%d.%06d", micros/1_000_000, micros%1_000_000)
	for strings.HasSuffix(text, "0") && len(text)-strings.Index(text, ".") > len(".00") {
		text = text[:len(text)-1]
	}
	return text
}
