// Package login is what the three login examples share: the state, cookies,
// links and sessions of examples/README.md. Each example adds its own flow.
package login

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"
)

// Options are the options of every example (examples/README.md, Options).
type Options struct {
	// Secret is the webhook's secret.
	Secret string
	// Listen is HOST:PORT. Port 0 is any free port.
	Listen string
	// Origin is the scheme, host and port at which browsers reach the site.
	Origin string
	// Number is the linked number, digits only.
	Number string
	// Name is the site's name.
	Name string
	// API is the address of Pingr's API, and Key an API key. If API is empty,
	// numbers are taken as they are typed.
	API, Key string
	// Redis is a URL. If empty, everything is kept in memory.
	Redis string
	// CodeLife, LinkLife and BlockLife are how long a code, a link and the
	// wrong codes of a phone are remembered.
	CodeLife, LinkLife, BlockLife time.Duration
}

// ParseOptions reads the command line and PINGR_WEBHOOK_SECRET. It writes what
// is wrong with them to talk.
func ParseOptions(args []string, getenv func(string) string, talk io.Writer) (Options, error) {
	var o Options
	var code, link, block int
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(talk)
	flags.StringVar(&o.Listen, "listen", "127.0.0.1:8090", "`HOST:PORT` to listen on; port 0 is any free one")
	flags.StringVar(&o.Origin, "origin", "",
		"`URL` at which browsers reach the site (default: http:// and the address of --listen)")
	flags.StringVar(&o.Number, "number", "15550100", "the linked number, `DIGITS` only")
	flags.StringVar(&o.Name, "site", "Example Shop", "the `NAME` of the site")
	flags.StringVar(&o.Redis, "redis", "",
		"keep the state in the Redis at this `URL`, such as redis://127.0.0.1:6379/0 (default: in memory)")
	flags.StringVar(&o.API, "api", "",
		"resolve numbers at the Pingr at this `URL`, with the key in PINGR_API_KEY (default: take them as typed)")
	flags.IntVar(&code, "code-ttl", 300, "life of a code, in `SECONDS`")
	flags.IntVar(&link, "link-ttl", 300, "life of a link, in `SECONDS`")
	flags.IntVar(&block, "block-ttl", 3600, "how long wrong codes of a phone are remembered, in `SECONDS`")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.CodeLife, o.LinkLife, o.BlockLife = seconds(code), seconds(link), seconds(block)
	o.Secret, o.Key = getenv("PINGR_WEBHOOK_SECRET"), getenv("PINGR_API_KEY")
	err := o.check(flags.Args(), min(code, link, block))
	if err != nil {
		fmt.Fprintln(talk, err)
	}
	return o, err
}

func (o *Options) check(rest []string, shortest int) error {
	o.Origin, o.API = strings.TrimSuffix(o.Origin, "/"), strings.TrimSuffix(o.API, "/")
	origin, err := url.Parse(o.Origin)
	_, _, listenErr := net.SplitHostPort(o.Listen)
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%q is not an option", rest[0])
	case o.Secret == "":
		return errors.New("set PINGR_WEBHOOK_SECRET to the secret of the webhook (whsec_…)")
	case o.Number == "" || strings.Trim(o.Number, "0123456789") != "":
		return errors.New("--number must be digits only, with country code")
	case o.API != "" && o.Key == "":
		return errors.New("set PINGR_API_KEY to an API key (pk_live_…), or leave out --api")
	case shortest <= 0:
		return errors.New("--code-ttl, --link-ttl and --block-ttl must be at least 1 second")
	case listenErr != nil:
		return errors.New("--listen must be HOST:PORT")
	case o.Origin != "" && (err != nil || origin.Host == "" || origin.Path != "" || (origin.Scheme != "http" &&
		origin.Scheme != "https")):
		return errors.New("--origin must be scheme, host and port, such as https://shop.example")
	}
	return nil
}

func seconds(n int) time.Duration { return time.Duration(n) * time.Second }
