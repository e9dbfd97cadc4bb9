package postgres_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/internal/pgtest"
	"github.com/heypingr/pingr/store/postgres"
)

// The test program runs itself as another process, which changes an account
// and waits for a line on stdin while its transaction is open.
const (
	childURL     = "PINGR_TEST_CHILD_URL"
	childAccount = "PINGR_TEST_CHILD_ACCOUNT"
)

func holdAccount() {
	err := func() error {
		ctx := context.Background()
		s, err := postgres.Open(ctx, postgres.Config{URL: os.Getenv(childURL), MaxConns: 2})
		if err != nil {
			return err
		}
		defer s.Close()
		lines := bufio.NewReader(os.Stdin)
		_, err = s.UpdateAccount(ctx, os.Getenv(childAccount), func(a *hosted.Account) error {
			fmt.Println("holding")
			_, err := lines.ReadString('\n')
			a.Settings.CooldownSeconds++
			if err == io.EOF { // the tries after the first go on at once
				err = nil
			}
			return err
		})
		return err
	}()
	fmt.Println("result:", err)
}

// A process that is paused inside a transaction holds its row until the server
// ends its connection, and no longer. When it runs again, its change is made
// on top of what others changed.
func TestAPausedProcessHoldsNoRow(t *testing.T) {
	url := pgtest.New(t, fast...).URL(t)
	s := open(t, url)
	a, err := hosted.New("anna@example.com", "", hosted.Unlimited, now)
	require.NoError(t, err)
	require.NoError(t, s.CreateAccount(t.Context(), a))

	self, err := os.Executable()
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), self)
	child.Env = append(os.Environ(), childURL+"="+url, childAccount+"="+a.ID)
	child.Stderr = os.Stderr
	in, err := child.StdinPipe()
	require.NoError(t, err)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	said := bufio.NewReader(out)
	line, err := said.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "holding\n", line)
	pause(t, child.Process)

	changed, err := s.UpdateAccount(t.Context(), a.ID, func(a *hosted.Account) error {
		a.Settings.CooldownSeconds += 100
		return nil
	})
	require.NoError(t, err, "while the other process stands still")
	assert.Equal(t, a.Settings.CooldownSeconds+100, changed.Settings.CooldownSeconds)

	resume(t, child.Process)
	_, err = io.WriteString(in, "go on\n")
	require.NoError(t, err)
	require.NoError(t, in.Close())
	for line != "result: <nil>\n" {
		line, err = said.ReadString('\n')
		require.NoError(t, err)
		require.Contains(t, []string{"holding\n", "result: <nil>\n"}, line)
	}
	stands, err := s.Account(t.Context(), a.ID)
	require.NoError(t, err)
	assert.Equal(t, a.Settings.CooldownSeconds+101, stands.Settings.CooldownSeconds, "no change is lost")
}

// Processes that start wait for one that creates the tables, however long that
// takes.
func TestMigrationsWaitForEachOther(t *testing.T) {
	server := pgtest.New(t, fast...)
	url := server.URL(t)
	first := open(t, url) // so that a connection can hold the lock
	release := first.HoldStart(t)
	opened := make(chan error, 1)
	go func() {
		s, err := postgres.Open(t.Context(), postgres.Config{URL: url})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	require.Eventually(t, func() bool { return first.WaitsForStart(t) > 2500*time.Millisecond }, time.Minute,
		10*time.Millisecond, "longer than others wait for a lock")
	release()
	require.NoError(t, <-opened)
}
