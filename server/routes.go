package server

import "net/http"

// tags are the groups of routes, in the order of the reference.
var tags = [][2]string{
	{"send", "Send a message on your own initiative. Replies to triggers need no API call."},
	{"numbers", "Find out whether a number is on WhatsApp, and how WhatsApp spells it."},
	{"triggers", "The phrases that people text, and the reply to send when the webhook gives none."},
	{"match", "Find out which trigger a text would fire."},
	{"sessions", "Linked WhatsApp numbers: add one, link it by QR code or typed code, and see its status."},
	{"webhooks", "The endpoint that receives events, its secret, and the log of deliveries."},
	{"settings", "Settings of the whole account."},
	{"usage", "How much of the plan is used."},
	{"stats", "Totals over time, for charts."},
	{"events", "What happens, as it happens."},
	{"keys", "API keys. Creating and revoking them takes a dashboard login."},
	{"auth", "Logging in to the dashboard."},
}

// table is every route of the API, with all that is said of it: a route that is
// added is a row here, and its handler.
func table() []route { //nolint:funlen // a table
	const ok, created, none = http.StatusOK, http.StatusCreated, http.StatusNoContent
	return []route{
		{
			method: "POST", path: "/v1/send", auth: byKey, status: ok, refuses: []int{404, 409, 429},
			summary: "Send a message",
			says: "Sends a text from one of the account's sessions. Responds when WhatsApp has accepted it. It goes " +
				"to the number as WhatsApp spells it, which Pingr asks about at most once a day. The message counts " +
				"toward the recipient's cooldown and the plan's messages, like a reply. With a " +
				"test key, nothing is sent: the response is what live mode would return, whichever of the " +
				"account's sessions is named. If WhatsApp says that nobody has the number, the response is 422 " +
				"and no limit is used. If it is not known whether a message arrived (409), repeat the request " +
				"with the same Idempotency-Key: the person sees the message once.",
			register: to((*Server).send),
		},

		{
			method: "POST", path: "/v1/numbers/resolve", auth: byKey, status: ok, refuses: []int{404, 409, 429},
			summary: "Find out whether a number is on WhatsApp",
			says: "Returns whether a number is on WhatsApp, and the number as WhatsApp spells it: " +
				"+55 31 98765-4321 may be 553187654321. Compare that with the phone in events. Pingr asks WhatsApp " +
				"at most once a day for a number, and not about somebody who wrote within a day. At most 1000 " +
				"requests an hour. WhatsApp limits how many numbers may be asked about, too, so ask only when a " +
				"person waits for the answer. With a test key, WhatsApp is not asked: every number is on it, as " +
				"it is.",
			register: to((*Server).resolve),
		},

		{
			method: "GET", path: "/v1/sessions", auth: byBoth, status: ok,
			summary:  "List sessions",
			says:     "Returns all sessions of the account.",
			register: to((*Server).listSessions),
		},
		{
			method: "POST", path: "/v1/sessions", auth: byBoth, status: created, refuses: []int{409, 429},
			summary: "Add a session and start linking it",
			says: "Adds a session, within the plan's limit, and starts linking it. Next, show its QR code, or " +
				"request a code to type. At most 60 an hour.",
			register: to((*Server).addSession),
		},
		{
			method: "GET", path: "/v1/sessions/{id}", auth: byBoth, status: ok,
			summary:  "Show a session",
			says:     "Returns one session.",
			register: to((*Server).showSession),
		},
		{
			method: "PATCH", path: "/v1/sessions/{id}", auth: byBoth, status: ok,
			summary:  "Rename a session",
			says:     "Changes the name that the dashboard shows.",
			register: to((*Server).renameSession),
		},
		{
			method: "DELETE", path: "/v1/sessions/{id}", auth: byBoth, status: none, refuses: []int{409},
			summary:  "Unlink and delete a session",
			says:     "Unlinks the number at WhatsApp and deletes the session with its triggers.",
			register: to((*Server).removeSession),
		},
		{
			method: "GET", path: "/v1/sessions/{id}/qr", auth: byBoth, status: ok, refuses: []int{409, 429},
			summary: "Show the QR code to scan, as an image or as JSON",
			says: "Returns the current code, which changes about every 20 seconds. If nobody scanned the last round " +
				"of codes, this request starts a new round and returns 409 until its first code is ready.",
			register: to((*Server).qr),
		},
		{
			method: "POST", path: "/v1/sessions/{id}/pair-code", auth: byBoth, status: ok, refuses: []int{409, 429},
			summary: "Request a code to type on the phone instead",
			says: "Asks WhatsApp for a code to type on the phone, under Linked devices, Link with phone number. " +
				"WhatsApp notifies that phone, so at most 5 codes an hour are allowed for a number, and 20 for an " +
				"account.",
			register: to((*Server).pairCode),
		},
		{
			method: "POST", path: "/v1/sessions/{id}/reconnect", auth: byBoth, status: ok, refuses: []int{409, 429},
			summary: "Reconnect a session",
			says: "Disconnects and connects again. This includes a session that waits for a person, such as one " +
				"that another client replaced. At most 10 a minute.",
			register: to((*Server).reconnect),
		},

		{
			method: "GET", path: "/v1/triggers", auth: byBoth, status: ok, refuses: []int{404},
			summary:  "List triggers",
			says:     "Returns all triggers, or those of one session.",
			register: to((*Server).listTriggers),
		},
		{
			method: "POST", path: "/v1/triggers", auth: byBoth, status: created, refuses: []int{404, 409},
			summary: "Add a trigger",
			says: "Adds a trigger to a session, within the plan's limit. It fires when a message is the phrase, or " +
				"starts with the phrase and a space. Case does not matter. *Bold*, quotes, a colon, full stops " +
				"and emoji around the phrase are ignored.",
			register: to((*Server).addTrigger),
		},
		{
			method: "POST", path: "/v1/match", auth: byBoth, status: ok, refuses: []int{404},
			summary: "Show which trigger a text would fire, and why",
			says: "Returns the trigger of a session that a text would fire now, decided as the engine does it. A " +
				"text fires the active trigger with the longest phrase that the text is, or starts with before a " +
				"space. This request fires nothing.",
			register: to((*Server).match),
		},
		{
			method: "GET", path: "/v1/triggers/{id}", auth: byBoth, status: ok,
			summary:  "Show a trigger",
			says:     "Returns one trigger.",
			register: to((*Server).showTrigger),
		},
		{
			method: "PATCH", path: "/v1/triggers/{id}", auth: byBoth, status: ok, refuses: []int{409},
			summary:  "Change fields of a trigger",
			says:     "Changes the given fields and leaves the others.",
			register: to((*Server).changeTrigger),
		},
		{
			method: "PUT", path: "/v1/triggers/{id}", auth: byBoth, status: ok, refuses: []int{409},
			summary:  "Change fields of a trigger, as PATCH does",
			says:     "Does the same as PATCH: changes the given fields and leaves the others.",
			register: to((*Server).changeTrigger),
		},
		{
			method: "DELETE", path: "/v1/triggers/{id}", auth: byBoth, status: none,
			summary:  "Delete a trigger",
			says:     "Deletes a trigger. Messages that have already fired it are still answered.",
			register: to((*Server).removeTrigger),
		},

		{
			method: "GET", path: "/v1/webhooks", auth: byBoth, status: ok,
			summary:  "Show the webhook endpoint",
			says:     "Returns the endpoint. Dashboard logins get the whole secret, API keys a masked one.",
			register: to((*Server).showWebhook),
		},
		{
			method: "PUT", path: "/v1/webhooks", auth: byBoth, status: ok,
			summary: "Set the webhook endpoint",
			says: "Sets the endpoint and the events that it receives. It must be reachable by https at a public " +
				"address, unless the deployment allows others.",
			register: to((*Server).setWebhook),
		},
		{
			method: "POST", path: "/v1/webhooks/rotate-secret", auth: byJWT, status: ok, refuses: []int{409},
			summary: "Create a new webhook secret",
			says: "Creates a new secret. The old secret keeps signing x-pingr-signature during the overlap, so an " +
				"endpoint that does not know the new one yet still verifies. Give the endpoint both within that " +
				"time. The Standard Webhooks header carries the signatures of both. With an overlap of 0, the new " +
				"secret signs at once.",
			register: to((*Server).rotateSecret),
		},
		{
			method: "POST", path: "/v1/webhooks/simulate", auth: byJWT, status: ok, refuses: []int{404, 409, 429},
			summary: "Send a simulated event to the endpoint",
			says: "Sends the endpoint a signed message.received event, as if somebody had texted, and returns the " +
				"endpoint's response. The event is marked _simulated. No message is sent.",
			register: to((*Server).simulate),
		},
		{
			method: "GET", path: "/v1/webhooks/deliveries", auth: byBoth, status: ok,
			summary: "List delivery attempts, newest first",
			says: "Returns the log of delivery attempts, which is kept for 90 days. A row with attempt 0 is of an " +
				"event that the endpoint was not sent yet, because it lets most requests hang. Paging by " +
				"next_cursor neither skips nor repeats rows, even while new ones arrive.",
			register: to((*Server).listDeliveries),
		},
		{
			method: "POST", path: "/v1/webhooks/deliveries/{id}/redeliver", auth: byBoth, status: http.StatusAccepted,
			refuses: []int{409},
			summary: "Send an undelivered event again now",
			says: "Sends the event of that row again now, even if it was given up within the last 7 days. Returns " +
				"409 if the event was delivered, or given up before that: its texts are erased.",
			register: to((*Server).redeliver),
		},

		{
			method: "GET", path: "/v1/settings", auth: byBoth, status: ok,
			summary:  "Show the settings",
			says:     "Returns the account's settings, or those of its test mode.",
			register: to((*Server).showSettings),
		},
		{
			method: "PATCH", path: "/v1/settings", auth: byBoth, status: ok,
			summary: "Change settings",
			says: "Changes the given fields and leaves the others. Test mode has the settings of live mode until it " +
				"changes its own.",
			register: to((*Server).changeSettings),
		},
		{
			method: "GET", path: "/v1/usage", auth: byBoth, status: ok,
			summary:  "Show this month's messages",
			says:     "Returns the messages of this calendar month (UTC). Replies and sends are counted together.",
			register: to((*Server).usage),
		},
		{
			method: "GET", path: "/v1/stats", auth: byBoth, status: ok,
			summary: "Show firings and webhook times, for charts",
			says: "Returns firings by outcome, and how long the webhook took: by the hour (24h) or by the day. The " +
				"last hour or day is not over. Counts are kept for 90 days.",
			register: to((*Server).stats),
		},

		{
			method: "GET", path: "/v1/keys", auth: byJWT, status: ok,
			summary: "List API keys",
			says: "Returns all valid keys, and the last 100 that were revoked. The keys themselves are not stored " +
				"and cannot be shown.",
			register: to((*Server).listKeys),
		},
		{
			method: "POST", path: "/v1/keys", auth: byJWT, status: created,
			summary:  "Create an API key, shown only once",
			says:     "Creates a key. Only this response shows it.",
			register: to((*Server).addKey),
		},
		{
			method: "DELETE", path: "/v1/keys/{id}", auth: byJWT, status: none,
			summary:  "Revoke an API key",
			says:     "Revokes a key at once. Event streams that it opened end.",
			register: to((*Server).revokeKey),
		},

		{
			method: "POST", path: "/v1/auth/login", auth: public, status: ok, refuses: []int{401, 403, 429},
			summary: "Log in to the dashboard",
			says: "Returns a token for the Authorization header, valid for 12 hours, and also sets it as a cookie. " +
				"After ten failed logins for an email address or from an IP address within 15 minutes, logins are " +
				"refused.",
			register: to((*Server).logIn),
		},
		{
			method: "POST", path: "/v1/auth/setup", auth: public, status: created, refuses: []int{401, 403},
			summary: "Create the first account, with the link from the first start",
			says: "Creates the first account and logs it in. The token comes from the link that the server printed " +
				"at its first start. It works once.",
			register: to((*Server).setUp),
		},
		{
			method: "POST", path: "/v1/auth/signup", auth: public, status: created, refuses: []int{403, 409, 429},
			summary: "Sign up, if the deployment allows it",
			says: "Creates an account on the deployment's plan for new accounts and logs it in. Sign-up is off by " +
				"default (403). At most five tries an hour from an IP address.",
			register: to((*Server).signUp),
		},
		{
			method: "POST", path: "/v1/auth/logout", auth: byJWT, status: none,
			summary:  "Log out",
			says:     "Invalidates the token, wherever it is stored.",
			register: to((*Server).logOut),
		},
		{
			method: "POST", path: "/v1/auth/password", auth: byJWT, status: ok, refuses: []int{409, 429},
			summary: "Change the password and end all other logins",
			says: "Changes the password. All logins of the account end, and so do their event streams. The response " +
				"is a new login. API keys stay valid. A wrong current password is a 403 and counts as a failed " +
				"login.",
			register: to((*Server).changePassword),
		},
		{
			method: "GET", path: "/v1/auth/me", auth: byJWT, status: ok,
			summary:  "Show the account that is logged in",
			says:     "Returns the account that is logged in.",
			register: to((*Server).me),
		},

		{
			method: "GET", path: "/v1/events", auth: byBoth, status: ok, refuses: []int{429},
			summary: "Stream server-sent events: sessions, firings, deliveries",
			says: "Opens a stream (text/event-stream) of events named session, firing and delivery. The data of " +
				"each is a JSON object. None contains a phone number or a text. A comment line every 15 seconds " +
				"shows that the stream is alive. A deleted session is reported as logged_out. The stream ends " +
				"when the key or login that opened it does. At most 20 streams an account.",
			register: to((*Server).events),
		},
	}
}
