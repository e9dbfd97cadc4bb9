// Package whatsapptest is a WhatsApp server for tests and demonstrations. It
// runs in the test's own process and listens on loopback only. Unmodified
// [whatsmeow] clients link to it, log in, receive and send.
//
// The server speaks what a linked device hears from WhatsApp: TLS WebSocket,
// the Noise handshake with its certificate chain, linking by QR text and by
// pairing code, prekeys, device lists, app state, Signal-encrypted messages in
// private chats and groups, receipts, retries, and a queue for the time a
// client is away. It also has simulated phones, which scan a client's QR text,
// write to the client and read its answers as people do.
//
//	srv, err := whatsapptest.Start(whatsapptest.Config{})
//	defer srv.Close()
//	shop := srv.NewPhone(whatsapptest.PhoneConfig{Number: "15550100001", Name: "Shop"})
//	alice := srv.NewPhone(whatsapptest.PhoneConfig{Number: "919876543210", Name: "Alice"})
//
//	client := whatsmeow.NewClient(device, nil) // any store
//	srv.Point(client)                          // or use URL, CAPEM and CertKey
//	// … client.GetQRChannel, client.Connect …
//	dev, err := shop.Scan(ctx, qrText)         // links the client to the shop's number
//
//	id, err := alice.Send(ctx, shop.Number(), "hello")
//	reply, err := alice.Next(ctx)              // what the client answered
//
// # What people do
//
// A [Phone] does what people do with theirs: [Phone.Send] and [Phone.SendMessage], [Phone.Read],
// [Phone.Type], [Phone.Edit], [Phone.Revoke], [Phone.React], [Phone.Vote], [Phone.Rename],
// [Phone.GoOffline] and [Phone.GoOnline], [Phone.Reinstall]. [Phone.Next] waits for what comes, with a
// filter if there is one. [Phone.SendMedia] sends a file that clients download from this server, and
// [Phone.Download] returns one that a client uploaded.
//
// # Faults on demand
//
// A [Device] is one linked client. Its methods do to it what the network and
// WhatsApp do: [Device.Drop], [Device.StreamError], [Device.Replace],
// [Device.Remove], [Device.FailLogins], [Device.Silence], [Device.Acks],
// [Device.Garble].
// [Server.RefuseUpgrades], [Server.SetPairing] and [Server.EndPairing] affect clients that are not
// logged in. [Config].Latency, [Server.SetLatency] and [Device.SetLatency] put the server some
// milliseconds away. [Phone.Acks] and [Group.Acks] are [Device.Acks] by destination. [Phone.Resend]
// sends a message a second time, [Outgoing].Garbled sends one that can only be read after a retry,
// [Outgoing].Unavailable one that only the client's own phone has, and [Outgoing].At backdates it.
// [Phone.Reinstall] gives a person new keys. [Device.RefuseLookups] limits the questions about who has
// a number, and [Server.Lookups] returns them.
//
// # What a client gets wrong
//
// An acknowledgement or a delivery receipt that names a stanza wrongly, and a stanza that does not
// exist, end the connection with <stream:error>. WhatsApp takes its time for that, and no source says
// how long; here it is at once. [Config].Lenient forgives it. A message that begins a session without
// the account's signature on the client's keys, or has an empty ciphertext, is refused (479).
//
// Some consequences are off unless a test asks for them, because no source says when WhatsApp draws
// them: [Config].Primer keeps the queue until the client asks for it, [Config].AckWithin ends the
// connection of a client that does not acknowledge, and [Config].HoldRefused sends a message that the
// client refused first and alone at every login.
//
// docs/loopback.md in the repository lists what real WhatsApp does, from which source that is known,
// and the test that shows it here.
//
// # Numbers and LIDs
//
// WhatsApp moves accounts from phone numbers to LIDs one by one, and refuses private messages whose
// address does not fit. [PhoneConfig].Move is how far an account has moved, [PhoneConfig].Addressing
// is how its messages name it, and [PhoneConfig].Lookup is what clients learn when they ask about its
// number. An account that has not moved gets 400 for messages to LIDs. An account that has moved
// cannot be reached by number (463). A message to one form of address whose <participants> have the
// other is refused with 400. [Phone.Refuse] creates other cases.
//
// These reports are of single accounts. No source says how common each case is, in
// which order WhatsApp checks, or whether messages encrypted again are checked too;
// here they are. By default an account takes both forms, and names itself by LID.
//
// A person with a username ([PhoneConfig].Username, [Phone.SetUsername]) shows the number only to
// accounts that have seen it within 30 days. [Phone.ChangeNumber] moves a person to another number, and
// frees the old one for somebody else. A question who has a number is answered for every spelling of
// it, with the one that WhatsApp uses: Brazil's ninth digit, Mexico's 1 and Argentina's 9 come or go.
// [Phone.SendContact] shares a contact card, and [ContactCard] makes one that may lie.
//
// No source says how long a linked device goes on seeing such a number, or whether clients are told of
// a changed one (here they are not).
//
// # Devices and receipts
//
// Lists of devices carry key indexes and the list that the account has signed. Clients that have asked
// for a list learn when a device comes or goes, also later if they are away. The account's own clients
// learn it too. An acknowledgement carries the hash of the devices that a message should have gone to.
// Receipts of a linked client reach the linked client that sent the message. A read receipt reaches
// all clients of its account.
//
// No source says whom WhatsApp tells of a change (here those that have asked), what
// <update> in place of <add> and <remove> means (it is never sent), or which clients
// hear of a delivery (here the sender). A receipt waits for a client that is away, and
// those of a group's members come as one.
//
// # Businesses, groups and changes
//
// A business ([PhoneConfig].Business) writes under a verified name. [Group.Add] and [Group.Remove] are
// told to the members' clients. What one client changes in the account's app state is told to the
// others, and what happened to groups and devices while a client was away makes its next logins
// <dirty>, until the client says that it knows. [Outgoing].Withheld is a message that no linked client
// may have, such as a picture that can be viewed once. [Phone.SetOutdated] makes acknowledgements ask
// for the phone's LID again.
//
// Messages of bots (<bot>, msmsg), usernames, and what WhatsApp tells at login of threads, terms and
// the client's expiry are never sent: no capture shows their form, and no client that was tried uses
// them.
//
// # Privacy tokens
//
// A person who writes to an account gives it a token, at most once a week, and messages to that person
// carry it. Linked clients get tokens in notifications and in their phone's history, and ask the
// server to give theirs. [Config].Tokens can make the server insist on a token, and refuse a message
// without it with 463.
//
// No source says when WhatsApp insists, when it is content with a token that is
// made from the account's salt (here always, see [PhoneConfig].Salt), or how soon a
// token follows a message (here at once; [PhoneConfig].KeepsTokens and
// [Phone.GiveToken] delay it).
//
// # The ledger
//
// [Server.Ledger] records what every phone sent, what the client acknowledged,
// and each reply, both as stanzas on the wire and as messages that a person
// saw. Its Wait methods, like [Phone.Next] and [Device.WaitOnline], return on an
// event or when their context ends, so that no test has to sleep.
//
// What clients do besides writing is in [Ledger.Activities]: read receipts, typing, presence, calls.
// [Config].Trace and [Server.Traces] show every stanza in both directions, and [Device.Send] sends any.
//
// # Other programs
//
// docs/test-your-bot.md shows tests of bots in Go, Node and Python.
//
// The program cmd/whatsapptest is this server for tests in any language. [Server.Handler] is what it
// serves: everything that a Go test can do, over HTTP (docs/whatsapptest-http.md). Another program
// reaches the server with [Server.URL], [Server.CAPEM] and [Server.CertKey]. [Config].StateFile keeps
// phones, links and these keys from one process to the next.
//
// # Limits
//
// None of this was observed at WhatsApp. It is what whatsmeow and Baileys expect,
// and what people have posted of their logs; timing, order and error codes are
// plausible rather than true. Thumbnails, streams of calls, communities, and making or changing groups
// from a client are missing. Newsletters and history sync exist as noise to be ignored.
//
// The server answers these requests (iq stanzas), by namespace and first child:
//
//	encrypt: count, digest, key, registration, rotate      abt props, tos request, w:stats
//	md: link_code_companion_reg, remove-companion-device   blocklist (get), privacy: privacy (get), tokens
//	passive: active, passive                               urn:xmpp:ping, w:p, urn:xmpp:whatsapp:dirty clean
//	usync: contact, devices, lid                           w:biz business_profile, w props, w:push config
//	w:g2: participating, query                             w:m media_conn
//	w:sync:app:state sync                                  w:profile:picture (404: nobody has one)
//
// All others are refused with 501 and counted, see [Server.UnknownRequests]. Among them are w:g2 create and
// whatever else changes groups, blocking somebody, a status text, w:mex (usernames, newsletters), bot, and
// disappearing_mode.
//
// Everything exported is safe for concurrent use.
//
// [whatsmeow]: https://pkg.go.dev/go.mau.fi/whatsmeow
package whatsapptest
