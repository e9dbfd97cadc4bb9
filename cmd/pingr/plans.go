package main

import (
	"bytes"
	"os"
	"slices"
	"strings"

	"github.com/heypingr/pingr/hosted"
)

const plansUsage = "JSON file with plans (PINGR_PLANS; default: the documented plans)"

// plans returns the deployment's plans.
func (c config) plans() ([]hosted.Plan, error) {
	if c.Plans == "" {
		return hosted.DefaultPlans(), nil
	}
	text, err := os.ReadFile(c.Plans)
	if err != nil {
		return nil, usagef("plans: %v", err)
	}
	plans, err := hosted.ReadPlans(bytes.NewReader(text))
	if err != nil {
		return nil, usagef("plans %s: %v", c.Plans, err)
	}
	return plans, nil
}

// signUpPlan returns the plan of accounts that sign up, or "" if nobody can.
func (c config) signUpPlan(plans []hosted.Plan) (string, error) {
	switch c.SignUp {
	case "", "off":
		return "", nil
	case "on":
	default:
		return "", usagef("PINGR_SIGNUP is %q; it must be on or off", c.SignUp)
	}
	names := planNames(plans)
	if c.SignUpPlan == "" {
		return "", usagef("PINGR_SIGNUP is on: set the plan of new accounts in PINGR_SIGNUP_PLAN (%s)",
			strings.Join(names, ", "))
	}
	if !slices.Contains(names, c.SignUpPlan) {
		return "", usagef("PINGR_SIGNUP_PLAN %q is not one of %s", c.SignUpPlan, strings.Join(names, ", "))
	}
	return c.SignUpPlan, nil
}

func planNames(plans []hosted.Plan) []string {
	var names []string
	for _, p := range plans {
		names = append(names, p.Name)
	}
	return names
}
