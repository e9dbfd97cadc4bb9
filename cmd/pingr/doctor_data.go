package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
	"github.com/heypingr/pingr/server"
	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/store/sqlite"
)

func (a *app) checkConfig() finding {
	const check = "configuration"
	if _, err := a.config.endpoint(); err != nil {
		return fail(check, "Name a readable file, or unset it.", "%v", err)
	}
	if a.config.WhatsAppURL != "" {
		return warn(check, "Unset PINGR_WHATSAPP_URL to reach WhatsApp itself.", "WhatsApp is a loopback server")
	}
	if a.config.WebhookURL != "" && a.config.WebhookSecret == "" {
		return warn(check, "Set PINGR_WEBHOOK_SECRET.", "there is a webhook URL, but no secret to sign with")
	}
	if a.config.File == "" {
		return ok(check, "flags and environment are valid")
	}
	info, err := os.Stat(a.config.File)
	if err == nil && a.config.WebhookSecret != "" && info.Mode().Perm()&0o077 != 0 {
		return warn(check, "chmod 600 "+a.config.File, "%s contains a secret, and other users may read it", a.config.File)
	}
	return ok(check, "%s, flags and environment are valid", a.config.File)
}

// checkDir checks the data directory. readable reports whether there is more to
// check in it.
func (a *app) checkDir() (f finding, readable bool) {
	const check = "data directory"
	dir := a.config.dataDir()
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return fail(check, "Give the right one with --data, or create it with pingr link.", "%s does not exist", dir), false
	case err != nil:
		return fail(check, "Allow this user to read it.", "%v", err), false
	case !info.IsDir():
		return fail(check, "Give a directory with --data.", "%s is not a directory", dir), false
	}
	probe, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return fail(check, "Allow this user to write to it: chown it, or mount it writable.", "%v", err), true
	}
	_ = probe.Close()
	_ = os.Remove(probe.Name())
	if info.Mode().Perm()&0o077 != 0 {
		return warn(check, "chmod 700 "+dir, "%s contains the keys of numbers, and other users may enter it", dir), true
	}
	return ok(check, "%s is writable", dir), true
}

const someSpace = 1 << 30

func (a *app) checkDisk() finding {
	const check = "disk space"
	free, known := freeSpace(a.config.dataDir())
	switch {
	case !known:
		return skip(check, "unknown on this system")
	case free < server.LeastSpace:
		return fail(check, "Free some space: messages wait at WhatsApp while nothing can be written.", "%s free", size(free))
	case free < someSpace:
		return warn(check, "Free some space before it runs out.", "%s free", size(free))
	}
	return ok(check, "%s free", size(free))
}

// checkStore opens the database alongside its users.
func (a *app) checkStore(ctx context.Context) []finding {
	const check = "database"
	if a.config.Database != "" {
		return a.checkPostgres(ctx)
	}
	dir := a.config.dataDir()
	if _, err := os.Stat(filepath.Join(dir, "pingr.db")); errors.Is(err, os.ErrNotExist) {
		return []finding{warn(check, "Link a number with pingr link.", "there is no database yet")}
	}
	state, running := "opens; no engine is running on it", false
	var locked *sqlite.LockedError
	switch unlock, err := sqlite.LockDir(dir); {
	case err == nil:
		unlock()
	case errors.As(err, &locked):
		state, running = "opens; an engine is running on it", true
		if locked.PID != 0 {
			state += fmt.Sprintf(" (process %d)", locked.PID)
		}
	}
	store, err := sqlite.Open(ctx, sqlite.Config{Dir: dir, Admin: true})
	var damage *sqlite.DamageError
	switch {
	case errors.As(err, &damage):
		return []finding{fail(check, saveWhatCan, "%v", err)}
	case err != nil:
		return []finding{fail(check, "Check the file's owner and mode. If it is damaged, restore a backup.", "%v", err)}
	}
	defer store.Close()
	return append([]finding{ok(check, "%s", state)}, a.checkRows(ctx, dir, store, store.Sessions, running)...)
}

const saveWhatCan = "Stop Pingr and run pingr repair, or restore a backup. Then check the disk (docs/serve.md)."

// checkPostgres does so with a database that several processes may share.
func (a *app) checkPostgres(ctx context.Context) []finding {
	const check = "database"
	store, err := a.openBeside(ctx)
	if err != nil {
		return []finding{fail(check,
			"Check the address, user and password (PINGR_DATABASE), and whether the server is running.", "%v", err)}
	}
	defer store.Close()
	state, running := "PostgreSQL answers; no engine is running on this data directory", false
	if unlock, err := sqlite.LockDir(a.config.dataDir()); err != nil {
		state, running = "PostgreSQL answers; an engine is running on this data directory", true
	} else {
		unlock()
	}
	return append([]finding{ok(check, "%s", state)},
		a.checkRows(ctx, a.config.dataDir(), store, a.registry(store).Sessions, running)...)
}

// checkRows checks what the database says of sessions and clock.
func (a *app) checkRows(
	ctx context.Context, dir string, store database, sessions func(context.Context) ([]pingr.SessionRecord, error),
	running bool,
) []finding {
	var findings []finding
	records, err := sessions(ctx)
	if err != nil {
		return append(findings, fail("sessions", saveWhatCan, "%v", err))
	}
	latest, err := store.LastActivity(ctx)
	if err != nil {
		return append(findings, fail("clock", saveWhatCan, "%v", err))
	}
	findings = append(findings, checkClock(latest, time.Now()))
	accounts, err := store.Accounts(ctx)
	if err != nil {
		return append(findings, fail("accounts", saveWhatCan, "%v", err))
	}
	broken, err := whatsapp.CheckKeys(ctx, dir, records)
	if err != nil {
		findings = append(findings, fail("keys", saveWhatCan, "%v", err))
	}
	findings = append(findings, checkSessions(records, broken, running, ownersOf(accounts))...)
	return append(findings, a.checkEndpoints(ctx, accounts)...)
}

// ownersOf returns what people call an account, by its id: the email address. It is
// left out if there is only one account.
func ownersOf(accounts []hosted.Account) map[string]string {
	owners := map[string]string{}
	if len(accounts) > 1 {
		for _, one := range accounts {
			owners[one.ID] = " of " + one.Email
		}
	}
	return owners
}

// checkClock compares the clock with what the database has seen. It can only
// tell that the clock went back.
func checkClock(latest, now time.Time) finding {
	const check = "clock"
	if latest.Before(built) {
		latest = built
	}
	if latest.After(now.Add(time.Minute)) {
		return fail(check, "Set the clock (timedatectl set-ntp true): receivers refuse webhooks if it is 5 minutes off.",
			"it says %s, but it was %s before", now.UTC().Format(time.DateTime), latest.UTC().Format(time.DateTime))
	}
	return ok(check, "%s UTC, zone %s", now.UTC().Format(time.DateTime), now.Format("MST"))
}

// built is before any release: an earlier clock was never set.
var built = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// checkSessions reports the last state of each session. Without a running
// engine none is connected now.
func checkSessions(
	records []pingr.SessionRecord, broken map[string]error, running bool, owners map[string]string,
) []finding {
	if len(records) == 0 {
		do := "Link a number with pingr link."
		if running { // pingr link wants the directory for itself
			do = "Link a number in the dashboard, or with pingr session add and pingr session link."
		}
		return []finding{warn("sessions", do, "no number is linked")}
	}
	findings := make([]finding, 0, len(records))
	for _, r := range records {
		findings = append(findings, checkSession(r, broken[r.ID], running, owners[r.Account]))
	}
	return findings
}

func checkSession(r pingr.SessionRecord, broken error, running bool, owner string) finding {
	id, _, served := strings.Cut(r.ID, ":") // a server's sessions are called ID:ACCOUNT inside
	check, do := "session "+id+owner, "pingr link --session "+id
	if served {
		do = "pingr session link " + id
	}
	if broken != nil {
		return fail(check, do, "its keys are damaged: %v", broken)
	}
	switch r.State {
	case pingr.SessionConnected, pingr.SessionConnecting:
		if !running {
			return ok(check, "linked; it connects when an engine runs")
		}
		return ok(check, "%s", r.State)
	case pingr.SessionDisconnected:
		if !running {
			return ok(check, "linked; it connects when an engine runs")
		}
		return warn(check, whatHelps(r), "disconnected (%d): %s", r.Reason, r.Detail)
	case pingr.SessionPairing, pingr.SessionLinkExpired:
		return warn(check, do, "not linked yet")
	default:
		if served {
			do = whatHelps(r)
		}
		return fail(check, do, "%s: %s", r.State, r.Detail)
	}
}
