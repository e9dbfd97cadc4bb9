// Package e2e tests the engine with real whatsmeow clients against the loopback
// WhatsApp, whose ledger judges what was lost and what was doubled. The engine's
// tests with a simulated session lie beside it, in the root.
package e2e
