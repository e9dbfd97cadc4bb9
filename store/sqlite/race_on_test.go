//go:build race

package sqlite_test

// raceEnabled: everything costs ten times as much.
const raceEnabled = true
