// Package whatsapp is the real [pingr.Session]: numbers linked to WhatsApp as
// companion devices, with the multi-device protocol of whatsmeow.
//
// A [Pool] holds all sessions of a process and one file of keys. Each [Session]
// is linked by QR code or pairing code and keeps itself connected. Its
// [pingr.SessionRecord] holds its state and, if a person must act, what to do.
// states.go is the whole state machine.
//
// The package changes what whatsmeow's defaults would lose. A message is
// acknowledged only after the handler took it, and comes again otherwise. A
// database that fails stops the acknowledgements. Sends and decryptions of one
// person never overlap. A session counts as connected only after a round trip,
// and a socket that went silent is noticed.
//
// No number, text, key or code reaches the log.
package whatsapp
