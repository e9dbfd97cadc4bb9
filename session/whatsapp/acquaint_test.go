package whatsapp

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.mau.fi/whatsmeow/types"
)

func person(user string) types.JID { return types.NewJID(user, types.HiddenUserServer) }

// Whoever comes while a question is under way shares the next one.
func TestBatchAsksOnceForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked [][]types.JID
		failure := errors.New("no")
		ctx, hangUp := context.WithCancel(t.Context())
		defer hangUp()
		b := &batch{line: &line{ctx: ctx}, ask: func(_ context.Context, about []types.JID) error {
			asked = append(asked, about)
			time.Sleep(time.Second)
			if len(asked) == 3 {
				return failure
			}
			return nil
		}}
		began := time.Now()
		wait := func(users ...string) <-chan error {
			done := make(chan error, 1)
			var about []types.JID
			for _, u := range users {
				about = append(about, person(u))
			}
			go func() { done <- b.wait(t.Context(), about) }()
			synctest.Wait()
			return done
		}
		assert.NoError(t, <-wait())
		first := wait("a")
		second, third := wait("b", "c"), wait("c", "d")
		assert.NoError(t, <-first)
		assert.NoError(t, <-second)
		assert.NoError(t, <-third)
		assert.Equal(t, 2*time.Second+maxRest, time.Since(began))
		assert.Len(t, asked, 2)
		assert.Equal(t, []types.JID{person("a")}, asked[0])
		assert.ElementsMatch(t, []types.JID{person("b"), person("c"), person("d")}, asked[1])
		assert.ErrorIs(t, <-wait("e"), failure)
		assert.NoError(t, <-wait("e"))
	})
}

// Who gives up leaves the others their answer.
func TestBatchOutlastsWhoGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, hangUp := context.WithCancel(t.Context())
		defer hangUp()
		b := &batch{line: &line{ctx: ctx}, ask: func(ctx context.Context, _ []types.JID) error {
			time.Sleep(time.Second)
			return ctx.Err()
		}}
		impatient, giveUp := context.WithCancel(t.Context())
		gone, stays := make(chan error, 1), make(chan error, 1)
		go func() { gone <- b.wait(impatient, []types.JID{person("a")}) }()
		synctest.Wait()
		go func() { stays <- b.wait(t.Context(), []types.JID{person("b")}) }()
		giveUp()
		assert.ErrorIs(t, <-gone, context.Canceled)
		assert.NoError(t, <-stays)
	})
}

// Devices whose keys WhatsApp does not have are left out, and nobody waits for
// them while others are locked.
func TestDevicesWithoutKeysAreLeftOut(t *testing.T) {
	d, _, _ := openDevice(t)
	h := &holder{persons: d.persons, recipient: ada, keyless: []string{adaWeb}}
	sessions, err := d.GetManySessions(withHolder(t.Context(), h), []string{ada, adaWeb})
	require.NoError(t, err)
	h.drop()
	assert.Contains(t, sessions, ada, "whatsmeow asks for its keys")
	assert.NotContains(t, sessions, adaWeb)
	require.NoError(t, d.PutSession(t.Context(), adaWeb, []byte("it wrote to us")))
	sessions, err = d.GetManySessions(withHolder(t.Context(), h), []string{ada, adaWeb})
	require.NoError(t, err)
	h.drop()
	assert.Contains(t, sessions, adaWeb)
}
