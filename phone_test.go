package pingr

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// All spellings are in testdata/vectors.json, which the helpers of all languages
// read (internal/vectors/phones.go).
func TestParsePhone(t *testing.T) {
	for given, want := range map[string]string{
		"919876543210": "919876543210", "+91 98765-43210": "919876543210", "+49 (0) 170.123/4567": "491701234567",
		"0091 98765 43210": "919876543210", "": "", "0917654321": "", "919876543210@s.whatsapp.net": "",
	} {
		got, err := ParsePhone(given)
		assert.Equal(t, want, got, given)
		if want == "" {
			assert.ErrorIs(t, err, ErrPhone, given)
		}
	}
}
