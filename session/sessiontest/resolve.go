package sessiontest

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr"
)

// resolver returns the session as a Resolver, or skips the case if it is none.
func resolver(t *testing.T, h Harness) pingr.Resolver {
	t.Helper()
	r, ok := h.Session().(pingr.Resolver)
	if !ok {
		t.Skip("this session cannot ask who has a number")
	}
	return r
}

func resolve(r pingr.Resolver, phone string) (pingr.Resolved, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return r.Resolve(ctx, phone)
}

func whoHasANumber(t *testing.T, h Harness) {
	r := resolver(t, h)
	for form, c := range map[Form]PhoneConfig{Plain: {}, ByLID: {ByLID: true}, Hidden: {Hidden: true}} {
		if !can(t, h, form) {
			continue
		}
		p := h.Phone(t, c)
		want := pingr.Resolved{OnWhatsApp: true, Phone: p.Number()}
		if p.LID() != "" {
			want.LID = p.LID() + "@lid"
		}
		var together sync.WaitGroup
		for range 5 {
			together.Go(func() {
				got, err := resolve(r, p.Number())
				assert.NoError(t, err)
				assert.Equal(t, want, got, "form %q", form)
			})
		}
		together.Wait()
	}
	for _, no := range []string{
		"", "12", "+919876543210", "91 9876543210", strings.Repeat("9", 16), "9198765@lid", "９１９８７６５４３２１０",
	} {
		_, err := resolve(r, no)
		require.ErrorIs(t, err, pingr.ErrPhone, "%q", no)
	}
}

func nobodyHasANumber(t *testing.T, h Harness) {
	r := resolver(t, h)
	jid := h.Nobody(t)
	if jid == "" {
		t.Skip("this network does not report it")
	}
	phone, _, _ := strings.Cut(jid, "@")
	got, err := resolve(r, phone)
	require.NoError(t, err)
	assert.Equal(t, pingr.Resolved{Phone: phone}, got)
}

func resolveWithoutLink(t *testing.T, h Harness) {
	r := resolver(t, h)
	p := h.Phone(t, PhoneConfig{})
	h.Cut(t)
	_, err := resolve(r, p.Number())
	saysOnly(t, err, pingr.ErrSessionUnavailable)
	h.Restore(t)
	got, err := resolve(r, p.Number())
	require.NoError(t, err)
	assert.True(t, got.OnWhatsApp)
	h.End(t)
	_, err = resolve(r, p.Number())
	saysOnly(t, err, pingr.ErrSessionUnavailable)
}
