package dashboard

// english is every text that people read. Another language is another such map.
// Keys are PAGE.WORD; a test finds those that are missing or of no use.
var english = map[string]string{
	"language": "en",
	"skip":     "Skip to the content",
	"copy":     "Copy",
	"copied":   "Copied",
	"cancel":   "Cancel",
	"save":     "Save",
	"close":    "Close",

	"nav.label":  "Pages",
	"nav.menu":   "Menu",
	"nav.docs":   "API reference",
	"nav.theme":  "Light or dark",
	"nav.plan":   "Plan: %s",
	"nav.logout": "Log out",

	"live.lost":   "The server does not answer. This page goes on by itself when it is back.",
	"live.failed": "The server did not answer. Try again.",

	"error.title":    "That did not work",
	"error.again":    "Try again",
	"error.internal": "Something went wrong here. Try again in a moment; if it stays, look into the server's log.",
	"error.foreign":  "The request comes from another site.",

	"door.email":         "E-mail",
	"door.password":      "Password",
	"door.password.hint": "At least 8 characters.",

	"login.title":  "Log in",
	"login.about":  "Welcome back.",
	"login.do":     "Log in",
	"login.signup": "New here? Make an account",

	"setup.title":      "Welcome to Pingr",
	"setup.about":      "Make the account that runs this server. It takes a minute to your first WhatsApp login.",
	"setup.do":         "Make the account",
	"setup.dead.title": "This link was used",
	"setup.dead.about": "A set-up link works once, for the first account. Log in with it, or ask who runs the server.",
	"setup.dead.do":    "Log in",

	"signup.title": "Make an account",
	"signup.about": "WhatsApp as your login button, in a few minutes.",
	"signup.do":    "Make the account",
	"signup.login": "You have one? Log in",

	// Sessions
	"sessions.title":       "Sessions",
	"sessions.about":       "WhatsApp numbers that answer for you.",
	"sessions.add":         "Add session",
	"sessions.empty.title": "No number is linked yet",
	"sessions.empty.about": "Link the WhatsApp number that your users will write to. You need its phone for half a minute.",

	"sessions.status.connected":    "Connected",
	"sessions.status.connecting":   "Connecting",
	"sessions.status.pairing":      "Waiting for the scan",
	"sessions.status.link_expired": "Not linked",
	"sessions.status.disconnected": "Disconnected",
	"sessions.status.restricted":   "Restricted by WhatsApp",
	"sessions.status.logged_out":   "Logged out",
}
