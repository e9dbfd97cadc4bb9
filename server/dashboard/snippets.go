package dashboard

import (
	"net/url"
	"regexp"
	"strings"
)

// A snippet is a receiver of webhooks in some language.
type snippet struct{ name, title, code string }

// snippetList is what the dashboard offers to copy. The secret is named, not
// shown: code is pasted to where secrets do not belong. path is the endpoint's
// own.
func snippetList(path string) []snippet {
	all := []snippet{
		{"node", "Node", `import { createServer } from "node:http";
import { SeenInMemory } from "hey-pingr"; // not on npm: sdk/node/README.md of Pingr says how
import { pingrWebhook } from "hey-pingr/express";

createServer(pingrWebhook({
  secret: process.env.PINGR_WEBHOOK_SECRET,
  seen: new SeenInMemory(), // nobody who reads a request can send it again
  onEvent: (event) => {
    if (event.event !== "message.received" || event._simulated || event.from.is_group) return;
    return ` + "`Hello +${event.from.phone}, here is your link: https://…`" + `;
  },
})).listen(3000);
`},
		{"python", "Python", `import os

from flask import Flask
from pingr import SeenInMemory  # not on PyPI yet: sdk/python/README.md of Pingr says how
from pingr.flask import pingr_webhook

app = Flask(__name__)


@app.post("/pingr")
@pingr_webhook(os.environ["PINGR_WEBHOOK_SECRET"], seen=SeenInMemory())  # nobody who reads a request can send it again
def pingr(event):
    if event["event"] != "message.received" or event.get("_simulated") or event["from"]["is_group"]:
        return None
    return f"Hello +{event['from']['phone']}, here is your link: https://…"
`},
		{"go", "Go", `package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/heypingr/pingr"
)

func main() {
	http.Handle("POST /pingr", &pingr.WebhookHandler{
		Secret:     os.Getenv("PINGR_WEBHOOK_SECRET"),
		Seen:       &pingr.SeenInMemory{}, // nobody who reads a request can send it again
		Dispatcher: pingr.DispatcherFunc(answer),
	})
	log.Fatal(http.ListenAndServe(":3000", nil))
}

func answer(_ context.Context, event pingr.Event) (pingr.Reply, error) {
	if event.Type != pingr.EventMessageReceived || event.Simulated || event.From.Group {
		return pingr.Reply{}, nil
	}
	return pingr.Reply{Text: "Hello +" + event.From.Phone + ", here is your link: https://…"}, nil
}
`},
	}
	for i := range all {
		all[i].code = strings.ReplaceAll(all[i].code, samplePath, path)
	}
	return all
}

// samplePath stands in the snippets for the endpoint's.
const samplePath = "/pingr\""

// plainPath are paths that are the same in every language's quotes, and no
// pattern of a router.
var plainPath = regexp.MustCompile(`^(/[A-Za-z0-9_.~-]+)+/?$`)

// snippetPath is the endpoint's path with the quote after it.
func (w webhook) snippetPath() string {
	if u, err := url.Parse(w.url()); err == nil && plainPath.MatchString(u.Path) {
		return u.Path + `"`
	}
	return samplePath
}

// secretLine sets the secret in a shell.
func secretLine(secret string) string { return "export PINGR_WEBHOOK_SECRET='" + secret + "'" }
