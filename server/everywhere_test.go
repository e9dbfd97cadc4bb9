package server

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/server/api"
)

// This test tells the author of a new event type where else the type belongs.
func TestEveryEventTypeIsKnownEverywhere(t *testing.T) {
	var all []any
	for _, e := range pingr.EventTypes() {
		all = append(all, string(e))
	}
	events := propertyOf(newWorld(t).document(), "SetWebhookInputBody", "events")
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

// A field that is added to one of these types fails here until the API shows it, or until it is among
// the hidden fields, with the reason.
func TestEveryFieldIsShownOrHidden(t *testing.T) {
	w := newWorld(t)
	t.Run("Trigger", func(t *testing.T) {
		shows(t, w, triggerOf, map[string]string{
			"ID": "id", "Session": "session_id", "Phrase": "trigger_phrase", "Reply": "reply_message",
			"Active": "is_active", "CreatedAt": "created_at", "UpdatedAt": "updated_at",
		}, nil)
	})
	t.Run("Delivery", func(t *testing.T) {
		delivery := func(d pingr.Delivery) api.Delivery { return deliveryOf(d, d.At.Add(d.Duration)) }
		shows(t, w, delivery, map[string]string{
			"ID": "id", "Session": "session_id", "EventID": "event_id", "Event": "event", "URL": "url",
			"Status": "status", "HTTPStatus": "http_status", "DynamicReply": "dynamic_reply",
			"NoReply": "no_reply_reason", "Attempt": "attempt", "Duration": "duration_ms", "Error": "error",
			"At": "created_at",
		}, map[string]string{"Account": "it is the caller's own"})
	})
	t.Run("SessionRecord", func(t *testing.T) {
		session := func(r pingr.SessionRecord) api.Session {
			shown, err := w.server.sessionOf(t.Context(), r)
			require.NoError(t, err)
			return shown
		}
		shows(t, w, session, map[string]string{
			"ID": "id", "Name": "name", "Phone": "number", "State": "status", "ConnectedAt": "connectedAt",
			"Reason": "reason", "Detail": "detail",
		}, map[string]string{
			"Account": "it is the caller's own", "Device": "it is of use to WhatsApp's client only",
			"Reported": "it is a note between events", "CreatedAt": "the product's documentation has no such field",
		})
	})
}

// shows asserts that each exported field of T, but for the hidden ones, changes the
// named field of the API's shape of it.
func shows[T, S any](t *testing.T, w *world, show func(T) S, fields, hidden map[string]string) {
	t.Helper()
	shape := reflect.TypeFor[S]()
	schema := w.document()["components"].(object)["schemas"].(object)[schemaName(shape, "")].(object)
	whole, of := filled[T](t), reflect.TypeFor[T]()
	for i := range of.NumField() {
		name := of.Field(i).Name
		field, shown := fields[name]
		if !shown {
			assert.Contains(t, hidden, name, "%s.%s: show it in %s, or say here why not", of, name, shape)
			continue
		}
		assert.Contains(t, schema["properties"], field, "%s.%s", of, name)
		less := whole
		reflect.ValueOf(&less).Elem().Field(i).SetZero()
		assert.NotEqual(t, fieldsOf(t, show(whole))[field], fieldsOf(t, show(less))[field],
			"%s in %s does not tell of %s.%s", field, shape, of, name)
	}
	for name := range hidden {
		_, ok := of.FieldByName(name)
		assert.True(t, ok, "%s has no %s", of, name)
	}
}

// filled returns a value without zero fields.
func filled[T any](t *testing.T) (value T) {
	t.Helper()
	fields := reflect.ValueOf(&value).Elem()
	for i := range fields.NumField() {
		switch v := fields.Field(i); {
		case v.Type() == reflect.TypeFor[time.Time]():
			v.Set(reflect.ValueOf(time.Date(2026, 11, 23, 10, 0, i, 0, time.UTC)))
		case v.Kind() == reflect.String:
			v.SetString("of_" + fields.Type().Field(i).Name)
		case v.CanInt():
			v.SetInt(7e6) // as a duration, milliseconds
		case v.Kind() == reflect.Bool:
			v.SetBool(true)
		default:
			t.Fatalf("give %s.%s a value here", fields.Type(), fields.Type().Field(i).Name)
		}
	}
	return value
}

func fieldsOf(t *testing.T, shape any) (fields object) {
	t.Helper()
	text, err := json.Marshal(shape)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &fields))
	return fields
}
