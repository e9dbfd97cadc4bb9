package dashboard

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestRefusalsNameFieldsAsThePageDoes(t *testing.T) {
	for message, want := range map[string]string{
		"time_zone: must be a name from the IANA time zone database": "Time zone: must be a name from " +
			"the IANA time zone database",
		"phone: phone must be a number with country code": "The number must be a number with country code",
		"The plan allows no more triggers.":               "The plan allows no more triggers.",
		"unheard_of: is odd":                              "unheard_of: is odd",
	} {
		assert.Equal(t, want, (&visit{locale: locales[0]}).shown(complaint(message)))
	}
	for _, key := range fieldNames {
		assert.Contains(t, english, key)
	}
}
