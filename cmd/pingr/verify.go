package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/heypingr/pingr"
)

// maxVerified is the largest body that verify reads.
const maxVerified = 1 << 20

func (a *app) verifyCommand() *cobra.Command {
	var v verification
	c := a.command(cobra.Command{
		Use:   "verify --signature SIGNATURE < BODY",
		Short: "Check the signature of a webhook body",
		Long: "Reads a webhook's body from stdin, byte for byte as it was received, and reports\n" +
			"whether the x-pingr-signature header is valid for it, and if not, why. The secret\n" +
			"comes from PINGR_WEBHOOK_SECRET. There is no flag for it, since other users could\nread that.\n\n" +
			"Exits with 0 if it is valid and with 1 if it is not.",
		Example: "  PINGR_WEBHOOK_SECRET=whsec_… pingr verify --signature sha256=4f0c… < body.json",
	}, func(*cobra.Command, []string) error { return a.verify(v) })
	c.Flags().StringVar(&v.signature, "signature", "", "the x-pingr-signature header (required)")
	c.Flags().BoolVar(&v.anyAge, "any-age", false, "accept a body of any age, such as one from a log")
	c.Flags().BoolVar(&v.json, "json", false, "print JSON")
	return c
}

// A verification holds the arguments of verify.
type verification struct {
	signature    string
	anyAge, json bool
}

// A verdict is the result of verify.
type verdict struct {
	Valid  bool   `json:"valid"`
	Reason string `json:"reason,omitempty"`
	// Hint is the likely mistake, or "" if there is no sign of one.
	Hint  string          `json:"hint,omitempty"`
	Event pingr.EventType `json:"event,omitempty"`
	ID    string          `json:"id,omitempty"`
}

func (a *app) verify(v verification) error {
	secret := a.config.WebhookSecret
	switch {
	case v.signature == "":
		return usageError{"--signature is missing: give the value of the x-pingr-signature header"}
	case secret == "":
		return usageError{"PINGR_WEBHOOK_SECRET is not set"}
	}
	body, err := io.ReadAll(io.LimitReader(a.in, maxVerified+1))
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	if len(body) > maxVerified {
		return errors.New("read body: it is over 1 MiB")
	}
	result := judge(body, v, secret)
	if v.json {
		if err := a.writeJSON(result); err != nil {
			return err
		}
	} else {
		a.sayVerdict(result)
	}
	if !result.Valid {
		return errSaid
	}
	return nil
}

func (a *app) sayVerdict(v verdict) {
	s := styleOf(a.out)
	if v.Valid {
		fmt.Fprintf(a.out, "%s: the signature matches (%s %s)\n", s.green("valid"), plain(string(v.Event)), plain(v.ID))
		return
	}
	fmt.Fprintf(a.out, "%s: %s\n", s.red("invalid"), plain(v.Reason))
	if v.Hint != "" {
		fmt.Fprintln(a.err, v.Hint)
	}
}

func judge(body []byte, v verification, secret string) verdict {
	event, err := pingr.VerifyWebhook(body, v.signature, secret, pingr.VerifyOptions{SkipTimestamp: v.anyAge})
	if err != nil {
		reason := strings.TrimPrefix(err.Error(), pingr.ErrWebhook.Error()+": ")
		return verdict{Reason: reason, Hint: hint(body, v.signature, secret)}
	}
	return verdict{Valid: true, Event: event.Type, ID: event.ID}
}

// unquoted returns s without quotes of any kind around it.
func unquoted(s string) string { return strings.Trim(strings.TrimSpace(s), "\"'`“”‘’") }

// hint looks for the most common mistakes.
func hint(body []byte, signature, secret string) string {
	fits := func(body []byte, signature, secret string) bool {
		return pingr.Sign(body, secret) == signature
	}
	switch trimmed := bytes.TrimRight(body, "\r\n"); {
	case len(body) == 0:
		return "The body is empty. Is it on stdin?"
	case fits(body, signature, secret):
		if _, err := pingr.VerifyWebhook(body, signature, secret, pingr.VerifyOptions{SkipTimestamp: true}); err != nil {
			return "The signature itself matches."
		}
		return "The signature itself matches. --any-age skips the timestamp check."
	case fits(body, strings.ToLower(strings.TrimSpace(signature)), secret):
		return "It would match in lowercase and without spaces around it."
	case fits(body, unquoted(signature), secret):
		return "It would match without the quotes around the signature."
	case fits(body, signature, unquoted(secret)):
		return "It would match without the quotes around PINGR_WEBHOOK_SECRET. Some shells and .env files keep them."
	case fits(body, "sha256="+signature, secret):
		return "It would match with sha256= in front."
	case strings.HasPrefix(unquoted(signature), "v1,"):
		return "That is the webhook-signature header (Standard Webhooks). Give x-pingr-signature, which starts with sha256=."
	case fits(trimmed, signature, secret):
		return "It would match without the line break after the body. Save exactly the bytes that you received."
	case fits(body, signature, strings.TrimSpace(secret)):
		return "It would match without the spaces around PINGR_WEBHOOK_SECRET."
	case fits(body, signature, "whsec_"+secret):
		return "It would match with whsec_ before the secret. The prefix is part of it."
	case len(signature) != len(pingr.Sign(nil, "")):
		return "Is that the whole header, sha256= and 64 digits?"
	}
	return "Either the secret is a different one, or the body was changed on the way (for example, " +
		"parsed and printed again)."
}
