//go:build unix

package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/store/sqlite"
)

// childDir makes this test binary a process that works on a store until it is killed.
const childDir = "PINGR_TEST_STORE"

// The tests run in a time zone where it is tomorrow already, so code that takes the local day or month
// for UTC's fails on every machine.
func init() { time.Local = time.FixedZone("Kiritimati", 14*60*60) }

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// child accepts and decides with 16 goroutines, and prints each id when it is
// acknowledged.
func child(dir string) {
	s, err := sqlite.Open(context.Background(), sqlite.Config{Dir: dir})
	if err != nil {
		fmt.Println("error", err)
		return
	}
	fmt.Println("open")
	var wg sync.WaitGroup
	for w := range int64(16) {
		wg.Go(func() {
			for i := w; ; i += 16 {
				f := benchFiring(i)
				if _, first, err := s.Accept(context.Background(), f, lease); err != nil || !first {
					continue
				}
				os.Stdout.WriteString("accepted " + strconv.FormatInt(i, 10) + "\n")
				if _, _, err := s.Decide(context.Background(), benchDecision(f.ID)); err == nil {
					os.Stdout.WriteString("decided " + strconv.FormatInt(i, 10) + "\n")
				}
			}
		})
	}
	wg.Wait()
}

type process struct {
	*exec.Cmd
	lines *bufio.Scanner
}

func start(t *testing.T, dir string) *process {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &process{cmd, bufio.NewScanner(out)}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	require.True(t, p.lines.Scan())
	require.Equal(t, "open", p.lines.Text())
	return p
}

// killAfter kills the process after so many lines of output, and returns all its output.
func (p *process) killAfter(t *testing.T, lines int) (accepted, decided []int64) {
	t.Helper()
	for n := 0; ; n++ {
		if n == lines {
			require.NoError(t, p.Process.Kill())
		}
		if !p.lines.Scan() {
			require.GreaterOrEqual(t, n, lines)
			return accepted, decided
		}
		what, number, _ := strings.Cut(p.lines.Text(), " ")
		i, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			continue // cut off by the kill
		}
		switch what {
		case "accepted":
			accepted = append(accepted, i)
		case "decided":
			decided = append(decided, i)
		}
	}
}

func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		p := start(t, dir)
		accepted, decided := p.killAfter(t, 200)
		require.NotEmpty(t, accepted, "round %d", round)

		s := open(t, dir)
		for _, i := range accepted {
			known(t, s, benchFiring(i))
		}
		for _, i := range decided {
			f, _, err := s.Decide(t.Context(), pingr.Decision{Firing: benchFiring(i).ID, Holder: "nobody", At: now})
			require.NoError(t, err)
			assert.Equal(t, pingr.StateDecided, f.State)
			assert.Contains(t, f.Text, "https://example.test/")
		}
		require.NoError(t, s.Close())
	}
}

func TestOneEngineToADirectory(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir)
	_, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir})
	var locked *sqlite.LockedError
	require.ErrorAs(t, err, &locked)
	assert.Equal(t, p.Process.Pid, locked.PID)
	require.ErrorContains(t, err, "another pingr (process "+strconv.Itoa(p.Process.Pid)+") uses this directory")

	p.killAfter(t, 0)
	require.NoError(t, ignoreKilled(p.Wait()))
	s := open(t, dir)
	_, err = sqlite.Open(t.Context(), sqlite.Config{Dir: dir})
	require.ErrorAs(t, err, &locked, "in one process too")
	assert.Equal(t, os.Getpid(), locked.PID)
	require.NoError(t, s.Close())
	open(t, dir)
}

func ignoreKilled(err error) error {
	if err != nil && strings.Contains(err.Error(), "killed") {
		return nil
	}
	return err
}

func TestAdministrationWhileTheEngineRuns(t *testing.T) {
	dir := t.TempDir()
	start(t, dir)
	admin := openAdmin(t, dir)
	for i := range 50 {
		save(t, admin, fmt.Sprint("login ", i))
	}
	rows, err := admin.Triggers(t.Context(), "main")
	require.NoError(t, err)
	assert.Len(t, rows, 50)
	require.Eventually(t, func() bool {
		n, err := admin.Rows(t.Context(), "firings")
		return err == nil && n > 0
	}, 20*time.Second, 5*time.Millisecond, "the engine goes on")
}

// Administration while an engine runs ends none of the engine's leases, and keeps no engine from
// starting.
func TestAdministrationLeavesTheEngineItsLeases(t *testing.T) {
	dir := t.TempDir()
	first := openAdmin(t, dir)
	s := open(t, dir)
	require.NoError(t, first.Close())
	accept(t, s, benchFiring(1))
	require.NoError(t, s.Enqueue(t.Context(), pingr.PendingEvent{Event: pingr.Event{ID: "evt_1"}, Next: now}))
	due, err := s.Due(t.Context(), lease, now, nil, 10)
	require.NoError(t, err)
	require.Len(t, due, 1)
	openAdmin(t, dir)
	due, err = s.Due(t.Context(), lease, now, nil, 10)
	require.NoError(t, err)
	assert.Empty(t, due)
	claimed, err := s.Claim(t.Context(), lease, now, nil, 10)
	require.NoError(t, err)
	assert.Empty(t, claimed)
}

func TestLeasesOfTheDeadAreVoid(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	held, queued, waits := benchFiring(1), benchFiring(2), benchFiring(3)
	accept(t, s, held)
	for _, f := range []pingr.Firing{queued, waits} {
		accept(t, s, f)
	}
	keep := func(f pingr.Firing, l pingr.Lease) {
		ok, err := s.Keep(t.Context(), f.ID, lease.Holder, "", l)
		require.NoError(t, err)
		require.True(t, ok)
	}
	keep(queued, pingr.Lease{Until: now})
	keep(waits, pingr.Lease{Until: now.Add(30e9)})
	event := pingr.PendingEvent{Event: pingr.Event{ID: "evt_1"}, Next: now}
	require.NoError(t, s.Enqueue(t.Context(), event))
	due, err := s.Due(t.Context(), lease, now, nil, 10)
	require.NoError(t, err)
	require.Len(t, due, 1)
	require.NoError(t, s.Close())

	admin := openAdmin(t, dir)
	claimed, err := admin.Claim(t.Context(), lease, now, []string{"nobody"}, 0)
	require.NoError(t, err)
	require.Empty(t, claimed)
	require.NoError(t, admin.Close())

	s = open(t, dir)
	claimed, err = s.Claim(t.Context(), lease, now, nil, 10)
	require.NoError(t, err)
	require.Len(t, claimed, 2, "what waits for its time still does")
	assert.Equal(t, held.ID, claimed[0].ID)
	assert.Equal(t, 1, claimed[0].Attempt, "it may have been asked")
	assert.Equal(t, 0, claimed[1].Attempt)
	due, err = s.Due(t.Context(), lease, now, nil, 10)
	require.NoError(t, err)
	assert.Len(t, due, 1)
}
