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
import { verifyWebhook } from "hey-pingr"; // not on npm: sdk/node/README.md of Pingr says how

createServer(async (req, res) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  let event;
  try {
    event = verifyWebhook(Buffer.concat(chunks), req.headers["x-pingr-signature"], process.env.PINGR_WEBHOOK_SECRET);
  } catch {
    res.writeHead(400).end();
    return;
  }
  if (event.event !== "message.received" || event._simulated || event.from.is_group) {
    res.writeHead(200).end();
    return;
  }
  const reply = ` + "`Hello +${event.from.phone}, here is your link: https://…`" + `;
  res.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ reply }));
}).listen(3000);
`},
		{"python", "Python", `import os

from flask import Flask, request
from pingr import PingrWebhookError, verify_webhook  # not on PyPI yet: sdk/python/README.md of Pingr says how

app = Flask(__name__)


@app.post("/pingr")
def pingr():
    try:
        event = verify_webhook(request.get_data(), request.headers.get("x-pingr-signature"), os.environ["PINGR_WEBHOOK_SECRET"])
    except PingrWebhookError:
        return "", 400
    if event["event"] != "message.received" or event.get("_simulated") or event["from"]["is_group"]:
        return "", 200
    return {"reply": f"Hello +{event['from']['phone']}, here is your link: https://…"}
`},
		{"go", "Go", `package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"

	"github.com/heypingr/pingr"
)

func main() {
	http.HandleFunc("POST /pingr", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			return
		}
		event, err := pingr.VerifyWebhook(body, r.Header.Get("X-Pingr-Signature"), os.Getenv("PINGR_WEBHOOK_SECRET"))
		if err != nil {
			http.Error(w, "", http.StatusBadRequest)
			return
		}
		if event.Type != pingr.EventMessageReceived || event.Simulated || event.From.IsGroup {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"reply": "Hello +" + event.From.Phone + ", here is your link: https://…"})
	})
	_ = http.ListenAndServe(":3000", nil)
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
