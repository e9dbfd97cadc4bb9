package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heypingr/pingr"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPhone(t *testing.T) {
	backend := pingr.DispatcherFunc(func(_ context.Context, e pingr.Event) (pingr.Reply, error) {
		if e.Message.Text == "login BROKEN" {
			return pingr.Reply{}, errors.New("broken")
		}
		return pingr.Reply{Text: "+" + e.From.Phone + " wrote " + e.Message.Text}, nil
	})
	var out strings.Builder
	require.NoError(t, run(t.Context(), "4917", backend, strings.NewReader("hello\nLogin X4K9MQ7T\nlogin BROKEN\nno\n"),
		&out))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	assert.Equal(t, []string{
		"(No reply: no trigger matches.)", "+4917 wrote Login X4K9MQ7T", failed, "+4917 wrote no",
	}, lines[1:])
}
