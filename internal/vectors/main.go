// Command vectors writes testdata/vectors.json: the answers that the helpers in Go, Node and Python
// must all give. Run it at the top of the repository after a change of its tables:
//
//	go run ./internal/vectors
//
// The tables contain the right answers, written by hand. Only signatures, the headers of
// [standardCases] and the single characters of [characterCases] are computed. The package's tests
// replay the file against the Go helpers and fail if it is stale.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	file, err := build()
	if err == nil {
		err = os.WriteFile(filepath.Join("testdata", "vectors.json"), file.encode(), 0o644) //nolint:gosec // everybody may read it
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "write vectors:", err)
		os.Exit(1)
	}
}
