package pingr

import (
	"strings"

	"github.com/google/uuid"
)

// NewID returns a new id: the prefix ("evt_", "trg_", …) and 32 hex digits, which
// sort by time (UUID version 7). It is safe for concurrent use.
func NewID(prefix string) string {
	return prefix + strings.ReplaceAll(uuid.Must(uuid.NewV7()).String(), "-", "")
}
