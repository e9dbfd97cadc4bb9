// Package foreign tries the loopback WhatsApp with a client that nobody here
// wrote: Baileys, from npm, in the version of package-lock.json. whatsmeow and
// the loopback server know each other too well; a mistake that they share shows
// only to a third.
//
// Baileys runs in Node (baileys.mjs) and is driven by the tests here. They judge
// by the server's ledger and by what both sides saw. Of the cases of Baileys' own
// end-to-end suite, which npm does not ship, they cover: linking, a private message
// between two clients, push names, receipts, groups in both directions, offline
// messages, files in both directions, and reconnecting. Making groups from a client is
// missing here as in the loopback server.
//
// make foreign-rust adds whatsapp-rust, from crates.io (rust/). Of its own suites the tests cover
// connection, messaging, the online part of receipts, offline_messages, and of lid_sessions what people of
// every address write. They do not cover linking by code, what Pingr cannot read of it at first,
// digest_key, privacy_tokens and device_cache; tests with whatsmeow do.
package foreign
