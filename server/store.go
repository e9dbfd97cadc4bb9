package server

import (
	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/hosted"
)

// A Store is the engine's store and what the API keeps beside it. store/sqlite,
// store/postgres and store/memory implement it.
type Store interface {
	pingr.Store
	hosted.Store
}
