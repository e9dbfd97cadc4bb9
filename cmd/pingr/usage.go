package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) usageCommand() *cobra.Command {
	return a.remote(cobra.Command{
		Use: "usage", Short: "Show this month's messages and their cost",
		Long:    "Shows the replies and sends of this calendar month (in UTC). A test key shows those\nin test mode.",
		Example: "  pingr usage\n  pingr usage --json",
	}, func(ctx context.Context, c *client, _ []string) error { return c.usage(ctx) })
}

// usageJSON is the answer of GET /v1/usage; nil means no limit.
type usageJSON struct {
	Plan      string `json:"plan"`
	Month     string `json:"month"`
	Used      int64  `json:"used"`
	Included  *int64 `json:"included"`
	Remaining *int64 `json:"remaining"`
	Overage   int64  `json:"overage_messages"`
	Micros    int64  `json:"overage_cost_micros"`
}

func (c *client) usage(ctx context.Context) error {
	var got item[usageJSON]
	if err := c.ask(ctx, http.MethodGet, "/v1/usage", nil, &got); err != nil {
		return err
	}
	if c.json {
		return c.writeJSON(got)
	}
	u := got.value
	t := newTable("MONTH", "PLAN", "USED", "INCLUDED", "REMAINING", "OVERAGE", "COST")
	t.add(u.Month, u.Plan, strconv.FormatInt(u.Used, 10), orUnlimited(u.Included), orUnlimited(u.Remaining),
		strconv.FormatInt(u.Overage, 10), dollars(u.Micros))
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
