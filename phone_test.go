package pingr

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParsePhone(t *testing.T) {
	for given, want := range map[string]string{
		"919876543210": "919876543210", "+91 98765-43210": "919876543210", "(49) 170 1234567": "491701234567",
		"": "", "+": "", "123456": "", "1234567": "1234567", "1234567890123456": "", "0917654321": "",
		"91987654321O": "", "９１９８７６５４３２１０": "", "919876543210@s.whatsapp.net": "", "91.9876543210": "",
	} {
		got, err := ParsePhone(given)
		assert.Equal(t, want, got, given)
		if want == "" {
			assert.ErrorIs(t, err, ErrPhone, given)
		}
	}
}
