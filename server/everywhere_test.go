package server

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

// Whoever adds an event type is told here where else it belongs.
func TestEveryEventTypeIsKnownEverywhere(t *testing.T) {
	var all []any
	for _, e := range pingr.EventTypes() {
		all = append(all, string(e))
	}
	events := newWorld(t).document()["components"].(object)["schemas"].(object)["SetWebhookInputBody"].(object)["properties"].(object)["events"].(object)
	assert.Equal(t, all, events["items"].(object)["enum"], "the enum tag of api.SetWebhook.Events")
	assert.EqualValues(t, len(all), events["maxItems"], "the maxItems tag of api.SetWebhook.Events")

	quoted := regexp.MustCompile(`['"]([a-z_]+\.[a-z_]+)['"]`)
	for _, tt := range []struct{ file, line string }{
		{"../sdk/node/src/types.ts", "export type EventName ="},
		{"../sdk/node/src/events.ts", "  event:"},
		{"../sdk/python/src/pingr/types.py", "EventName ="},
		{"../sdk/python/src/pingr/events.py", "    event:"},
	} {
		source, err := os.ReadFile(filepath.FromSlash(tt.file))
		require.NoError(t, err)
		var got []any
		for line := range strings.Lines(string(source)) {
			if strings.HasPrefix(line, tt.line) {
				for _, m := range quoted.FindAllStringSubmatch(line, -1) {
					got = append(got, m[1])
				}
			}
		}
		assert.Equal(t, all, got, "%s, what begins with %q", tt.file, tt.line)
	}
}

// A field that is added to a trigger belongs in the API too.
func TestATriggerIsShownWhole(t *testing.T) {
	assert.Equal(t, reflect.TypeFor[pingr.Trigger]().NumField(), reflect.TypeFor[api.Trigger]().NumField(),
		"api.Trigger shows each field of pingr.Trigger")
}
