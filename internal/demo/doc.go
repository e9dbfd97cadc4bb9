// Package demo shows one login from end to end in one process, on loopback
// only: a WhatsApp server and phones (package whatsapptest), a number linked to
// it by the real pairing, the engine on SQLite, an example backend that gets a
// signed webhook over HTTP, and a page with a phone beside a login page.
//
// The backend's flow keeps the rules of docs/security.md: the browser that opens
// the one-time link is the one that is signed in, never the one that waits.
package demo
