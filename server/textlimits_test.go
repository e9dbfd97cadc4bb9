package server

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// textLimits are the enforced limits, by the name of the field. Tags of structs and attributes of
// pages cannot use constants.
var textLimits = map[string]int{
	"email": hosted.MaxEmail, "name": hosted.MaxName, "new_password": maxPassword, "message": pingr.MaxText,
	"text": pingr.MaxText, "no_phone_reply": pingr.MaxText, "reply": pingr.MaxText,
	"trigger_phrase": pingr.MaxPhrase, "phrase": pingr.MaxPhrase, "reply_message": pingr.MaxStaticReply,
	"AddSessionInputBody.id": maxSessionID, "session_id": maxSessionID,
	"SignUpInputBody.password": maxPassword, "SetUpInputBody.password": maxPassword,
}

// maxSessionID is what the rule of a session's id allows.
const maxSessionID = 64

func limitOf(schema, field string) int {
	if most := textLimits[schema+"."+field]; most > 0 {
		return most
	}
	return textLimits[field]
}

func TestTheDocumentHasTheLimitsOfTheHandlers(t *testing.T) {
	require.NoError(t, pingr.CheckSessionID(strings.Repeat("x", maxSessionID)))
	require.Error(t, pingr.CheckSessionID(strings.Repeat("x", maxSessionID+1)))
	w := newWorld(t)
	doc, seen := w.document(), 0
	check := func(schema, field string, of, described object) {
		most, want := of["maxLength"], limitOf(schema, field)
		where := schema + "." + field
		if most == nil {
			return
		}
		if want != 0 {
			assert.EqualValues(t, want, most, where)
			seen++
		}
		words := regexp.MustCompile(`(\d+) characters`).FindStringSubmatch(fmt.Sprint(described["description"]))
		if words != nil {
			assert.Equal(t, words[1], fmt.Sprint(most), "what is said of %s", where)
		}
	}
	for name, schema := range doc["components"].(object)["schemas"].(object) {
		properties, _ := schema.(object)["properties"].(object)
		for field, property := range properties {
			check(name, field, property.(object), property.(object))
		}
	}
	for path, item := range doc["paths"].(object) {
		for _, op := range item.(object) {
			params, _ := op.(object)["parameters"].([]any)
			for _, p := range params {
				p := p.(object)
				check(path, p["name"].(string), p["schema"].(object), p)
			}
		}
	}
	assert.Greater(t, seen, 15)

	pattern := propertyOf(doc, "AddSessionInputBody", "id")["pattern"]
	said := regexp.MustCompile(pattern.(string))
	assert.True(t, said.MatchString(""), "an id is generated")
	for _, id := range []string{
		"ab", "abc", "Abc", "a.b", "a:b", "shop-1", "shop_1", "äbc", "abc\n", strings.Repeat("x", 64),
		strings.Repeat("x", 65),
	} {
		assert.Equal(t, pingr.CheckSessionID(id) == nil, said.MatchString(id), id)
	}
}

// A page lets people type what the API accepts, and no more.
func TestPagesHaveTheLimitsOfTheAPI(t *testing.T) {
	pages, err := filepath.Glob("dashboard/*.templ")
	require.NoError(t, err)
	input := regexp.MustCompile(`<(?:input|textarea)\b[^\n]* name="(\w+)"[^\n]*`)
	length := regexp.MustCompile(`(max|min)length="(\d+)"`)
	seen := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, found := range input.FindAllStringSubmatch(string(text), -1) {
			for _, given := range length.FindAllStringSubmatch(found[0], -1) {
				want := limitOf("", found[1])
				switch {
				case strings.HasSuffix(found[1], "password") && given[1] == "min":
					want = minPassword
				case strings.HasSuffix(found[1], "password"):
					want = maxPassword
				case want == 0:
					continue
				}
				assert.Equal(t, strconv.Itoa(want), given[2], "%s: %s of %s", page, given[1], found[1])
				seen++
			}
		}
	}
	assert.Greater(t, seen, 10)
}
