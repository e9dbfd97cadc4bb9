package hosted

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
)

var planName = regexp.MustCompile(`^[a-z0-9_-]{1,40}$`)

// ReadPlans reads a deployment's own plans: a JSON list of [Plan], in which
// every field but the name may be left out. The last plan is the default for
// new accounts. Errors name the plan and the field.
func ReadPlans(r io.Reader) ([]Plan, error) {
	var plans []Plan
	d := json.NewDecoder(r)
	d.DisallowUnknownFields()
	if err := d.Decode(&plans); err != nil {
		return nil, fmt.Errorf("not a JSON list of plans: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after the list")
	}
	if len(plans) == 0 {
		return nil, errors.New("the list is empty: every account needs a plan")
	}
	for i, p := range plans {
		switch {
		case !planName.MatchString(p.Name):
			return nil, fmt.Errorf("plan %d: name %q must be 1 to 40 characters: a-z, 0-9, _ and -", i+1, p.Name)
		case slices.ContainsFunc(plans[:i], func(q Plan) bool { return q.Name == p.Name }):
			return nil, fmt.Errorf("plan %q is listed twice", p.Name)
		}
		for field, n := range map[string]int64{
			"triggers": int64(p.Triggers), "sessions": int64(p.Sessions),
			"messages": p.Messages, "overage_micros": p.OverageMicros,
		} {
			if n < 0 {
				return nil, fmt.Errorf("plan %q: %s is negative; 0 means unlimited", p.Name, field)
			}
		}
	}
	return plans, nil
}
