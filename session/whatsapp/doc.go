// Package whatsapp is the real [pingr.Session]: numbers linked to WhatsApp as
// companion devices, by the multi-device protocol of whatsmeow.
//
// A [Pool] holds all sessions of a process and one file of keys. Each [Session]
// links by QR code or pairing code, keeps itself connected, and says in its
// [pingr.SessionRecord] where it stands and, when a person must act, what to
// do; states.go is the whole machine.
//
// Around whatsmeow stands what its defaults would lose: a message is
// acknowledged only after the handler took it, and comes again otherwise; a
// database that fails stops the acknowledging; sends and decryptions of one
// person never overlap; a session is connected only when a round trip
// succeeded, and a socket that went silent is found.
//
// No number, text, key or code reaches the log.
package whatsapp
