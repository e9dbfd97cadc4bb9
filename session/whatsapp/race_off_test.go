//go:build !race

package whatsapp

import "testing"

func requireRaceOff(*testing.T) {}
