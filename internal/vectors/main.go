// Command vectors writes testdata/vectors.json: what the helpers in Go, Node
// and Python must all answer. Run it at the top of the
// repository after a change of its tables:
//
//	go run ./internal/vectors
//
// What the helpers should answer stands in the tables, by hand; only
// signatures, the headers of [standardCases] and the single characters of
// [characterCases] are computed. The package's tests replay the file against
// the Go helpers and fail when it is stale.
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
