// Package install has no code, only a test: what a release contains is installed
// on a copy of this machine that boots systemd and is thrown away.
//
// TestInstalled starts that copy (machine.sh) and runs this package's test
// program inside it, as its only service. The files *_inside_test.go are those
// stories. make install-test sets what they need.
package install
