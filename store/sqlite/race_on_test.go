//go:build race

package sqlite_test

// raceEnabled: everything takes ten times as long.
const raceEnabled = true
