package main

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/heypingr/pingr"
)

// whatHelps returns the command for a session that needs somebody to act.
func whatHelps(r pingr.SessionRecord) string {
	id, _, _ := strings.Cut(r.ID, ":") // a server's sessions are called ID:ACCOUNT inside
	switch {
	case r.State == pingr.SessionLoggedOut, r.Device == "":
		return "pingr session link " + id
	case r.Reason == codeOutdated:
		return "update Pingr, then pingr session reconnect " + id
	}
	return "pingr session reconnect " + id
}

// codeOutdated is WhatsApp's refusal of a client's version.
const codeOutdated = 405

// whatHelpsAgainst returns what to do about an error of the operating system, to
// be put behind it, or "" if it is another error or says so already.
func whatHelpsAgainst(err error) string {
	var said listenError
	var path *fs.PathError
	switch {
	case errors.As(err, &said):
		return ""
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "\nFree some space, or name a directory on another disk with --data."
	case errors.Is(err, syscall.EROFS):
		return "\nThe disk is mounted for reading only: mount it writable, or name another directory with --data."
	case errors.Is(err, fs.ErrPermission) && errors.As(err, &path):
		return "\nRun pingr as the user who owns the directory (ls -ld " + filepath.Dir(path.Path) +
			"), or chown it to this user."
	case errors.Is(err, fs.ErrPermission):
		return "\nRun pingr as the user who owns the data directory, or chown it to this user."
	}
	return ""
}
