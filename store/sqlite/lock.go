package sqlite

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A LockedError reports that another engine uses the directory.
type LockedError struct {
	// File is the lock file.
	File string
	// PID is the process that holds it, or 0 if unknown.
	PID int
}

func (e *LockedError) Error() string {
	who := "another pingr"
	if e.PID != 0 {
		who += " (process " + strconv.Itoa(e.PID) + ")"
	}
	return who + " uses this directory; stop it or use another directory (" + e.File + ")"
}

// A lock is a locked file. The system unlocks it when the process ends, however
// it ends. The file stays.
type lock struct{ file *os.File }

// LockDir locks a directory as [Open] does, without a store in it. It is for a
// process that keeps only the keys of its numbers there. It creates the
// directory if necessary, and returns a *[LockedError] while another engine
// uses it.
func LockDir(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	l, err := tryLock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	return l.release, nil
}

// tryLock locks the file or returns a *LockedError.
func tryLock(name string) (*lock, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		defer f.Close()
		return nil, &LockedError{File: name, PID: readPID(f)}
	}
	if err := writePID(f); err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	return &lock{f}, nil
}

// waitLock waits for the lock.
func waitLock(ctx context.Context, name string) (*lock, error) {
	for {
		l, err := tryLock(name)
		if err == nil || !isLocked(err) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func isLocked(err error) bool {
	_, ok := err.(*LockedError) //nolint:errorlint // tryLock returns it bare
	return ok
}

func (l *lock) release() { l.file.Close() }

func readPID(f *os.File) int {
	text, err := io.ReadAll(io.LimitReader(f, 20))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}
