// Command mobile logs in people who are on their phone. It answers "login" to
// the linked number with a link that logs in the browser that opens it.
package main

import (
	"context"
	"embed"

	"github.com/heypingr/pingr/examples/go/login"
)

//go:embed page.html page.js
var pages embed.FS

func main() {
	login.Main(pages, func(site *login.Site) {
		site.HandleLinks()
		site.OnMessage(flow{site}.answer)
	})
}

type flow struct{ *login.Site }

// answer sends a link to the phone that wrote. Only the holder of the phone can
// read it.
func (f flow) answer(ctx context.Context, m login.Message) (string, error) {
	if m.Suppressed {
		return "", nil
	}
	token, err := f.NewLink(ctx, m.Phone, "")
	return f.LinkText(token), err
}
