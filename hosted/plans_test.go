package hosted_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/hosted"
)

func ExampleReadPlans() {
	plans, err := hosted.ReadPlans(strings.NewReader(`[
		{"name": "trial", "triggers": 1, "sessions": 1, "messages": 100},
		{"name": "pro", "triggers": 5, "sessions": 2, "messages": 20000, "overage_micros": 1200}
	]`))
	fmt.Println(plans, err)
	// Output: [{trial 1 1 100 0} {pro 5 2 20000 1200}] <nil>
}

func TestPlansThatAreNone(t *testing.T) {
	for _, tt := range []struct{ name, text, says string }{
		{"not JSON", `plans: []`, "not a JSON list"},
		{"not a list", `{"name":"pro"}`, "not a JSON list"},
		{"empty", `[]`, "empty"},
		{"two lists", `[{"name":"pro"}] []`, "more after"},
		{"a slip in a field", `[{"name":"pro","mesages":1}]`, `"mesages"`},
		{"a fraction", `[{"name":"pro","messages":1.5}]`, "messages"},
		{"a price as a text", `[{"name":"pro","overage_micros":"0.002"}]`, "overage_micros"},
		{"no name", `[{"messages":1}]`, "plan 1: name"},
		{"a name in capitals", `[{"name":"Pro"}]`, `"Pro"`},
		{"twice", `[{"name":"pro"},{"name":"pro"}]`, "twice"},
		{"negative", `[{"name":"pro","messages":-1}]`, `plan "pro": messages is negative`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := hosted.ReadPlans(strings.NewReader(tt.text))
			require.ErrorContains(t, err, tt.says)
		})
	}
}

func TestDefaultPlansAreData(t *testing.T) {
	text, err := json.Marshal(hosted.DefaultPlans())
	require.NoError(t, err)
	plans, err := hosted.ReadPlans(strings.NewReader(string(text)))
	require.NoError(t, err)
	assert.Equal(t, hosted.DefaultPlans(), plans)
}
