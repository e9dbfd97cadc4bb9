package dashboard

import (
	"net/url"
	"strconv"
	"strings"
)

// A snippet is a receiver of webhooks in some language.
type snippet struct{ name, title, code string }

// A place is where a snippet listens.
type place struct{ path, port string }

// snippetList is what the dashboard offers to copy. Each says how to install what
// it needs, and how to run it. The secret is named, not shown: code is pasted to
// where secrets do not belong. Simulated events get a text with which nobody can
// log in, so that a test shows that the receiver works.
//
// Node's and Go's take every path, because a proxy may change it. Flask needs the
// one that the endpoint has.
func snippetList(at place) []snippet {
	return []snippet{
		{"node", "Node", `// $PINGR is a checkout of Pingr. Install, then run:
//   (cd $PINGR/sdk/node && npm ci && npm pack)
//   npm install $PINGR/sdk/node/hey-pingr-0.3.0.tgz
//   node shop.mjs
import { createServer } from "node:http";
import { SeenInMemory } from "hey-pingr";
import { pingrWebhook } from "hey-pingr/express";

createServer(pingrWebhook({
  secret: process.env.PINGR_WEBHOOK_SECRET,
  seen: new SeenInMemory(), // nobody who reads a request can send it again
  onEvent: (event) => {
    if (event.event !== "message.received" || event.from.is_group) return;
    if (event._simulated) return "It works. Somebody who really writes gets a link.";
    return ` + "`Hello +${event.from.phone}, here is your link: https://…`" + `;
  },
})).listen(` + at.port + `);
`},
		{"python", "Python", `# $PINGR is a checkout of Pingr. Install, then run:
#   pip install $PINGR/sdk/python flask
#   python shop.py
import os

from flask import Flask
from pingr import SeenInMemory
from pingr.flask import pingr_webhook

app = Flask(__name__)


@app.post(` + pythonString(at.path) + `)
@pingr_webhook(os.environ["PINGR_WEBHOOK_SECRET"], seen=SeenInMemory())  # nobody who reads a request can send it again
def pingr(event):
    if event["event"] != "message.received" or event["from"]["is_group"]:
        return None
    if event.get("_simulated"):
        return "It works. Somebody who really writes gets a link."
    return f"Hello +{event['from']['phone']}, here is your link: https://…"


if __name__ == "__main__":
    app.run(port=` + at.port + `)
`},
		{"go", "Go", `// $PINGR is a checkout of Pingr. Install, then run:
//
//	go mod init example.com/shop
//	go mod edit -require github.com/heypingr/pingr@v0.0.0 -replace github.com/heypingr/pingr=$PINGR
//	go mod tidy
//	go run .
package main

import (
	"context"
	"log"
	"net/http"
	"os"

	"github.com/heypingr/pingr"
)

func main() {
	log.Fatal(http.ListenAndServe(":` + at.port + `", &pingr.WebhookHandler{
		Secret:     os.Getenv("PINGR_WEBHOOK_SECRET"),
		Seen:       &pingr.SeenInMemory{}, // nobody who reads a request can send it again
		Dispatcher: pingr.DispatcherFunc(answer),
	}))
}

func answer(_ context.Context, event pingr.Event) (pingr.Reply, error) {
	if event.Type != pingr.EventMessageReceived || event.From.Group {
		return pingr.Reply{}, nil
	}
	if event.Simulated {
		return pingr.Reply{Text: "It works. Somebody who really writes gets a link."}, nil
	}
	return pingr.Reply{Text: "Hello +" + event.From.Phone + ", here is your link: https://…"}, nil
}
`},
	}
}

// pythonString quotes a path for Python, whose escapes Go's are too. Flask gives
// angle brackets a meaning of its own, which nothing escapes: such a path, which
// nobody has, becomes that of the samples.
func pythonString(path string) string {
	if strings.ContainsAny(path, "<>") {
		path = samplePath
	}
	return strconv.QuoteToASCII(path)
}

const (
	samplePath = "/pingr"
	samplePort = "3000" // behind a proxy that speaks https
)

// listens returns where a receiver at the endpoint listens. A program takes http
// itself, and leaves https to a proxy, whose port is not its own.
func (w webhook) listens() place {
	u, err := url.Parse(w.url())
	if err != nil || u.Host == "" {
		return place{samplePath, samplePort}
	}
	at := place{u.Path, samplePort}
	if at.path == "" {
		at.path = "/"
	}
	if u.Scheme == "http" {
		at.port = "80"
		if u.Port() != "" {
			at.port = u.Port()
		}
	}
	return at
}

// secretLine sets the secret in a shell.
func secretLine(secret string) string { return "export PINGR_WEBHOOK_SECRET='" + secret + "'" }
