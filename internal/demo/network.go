package demo

import (
	"context"
	"errors"
	"fmt"

	"github.com/heypingr/pingr"
	"github.com/heypingr/pingr/session/whatsapp"
	"github.com/heypingr/pingr/whatsapptest"
)

const (
	shopNumber   = "15550100001"
	personNumber = "919876543210"
	sessionID    = "demo"
)

// startNetwork starts the loopback WhatsApp with its two phones. They are new, or come from the state
// file.
func (d *Demo) startNetwork(state string) (err error) {
	d.network, err = whatsapptest.Start(whatsapptest.Config{StateFile: state, Logger: d.config.Log})
	if err != nil {
		return fmt.Errorf("start loopback WhatsApp: %w", err)
	}
	if d.shop, err = d.phone(shopNumber, siteName); err != nil {
		return err
	}
	d.person, err = d.phone(personNumber, "Asha")
	return err
}

func (d *Demo) phone(number, name string) (*whatsapptest.Phone, error) {
	if p, ok := d.network.Phone(number); ok {
		return p, nil
	}
	p, err := d.network.AddPhone(whatsapptest.PhoneConfig{Number: number, Name: name})
	if err != nil {
		return nil, fmt.Errorf("add phone: %w", err)
	}
	return p, nil
}

// link connects the session: the shop's phone scans its QR code, unless it did
// so in an earlier run.
func (d *Demo) link(ctx context.Context) (how string, err error) {
	s, known := d.pool.Get(sessionID)
	if !known {
		s, err = d.pool.Add(ctx, pingr.SessionRecord{ID: sessionID, Name: siteName})
		if err != nil {
			return "", fmt.Errorf("add session: %w", err)
		}
	}
	d.session = s
	how, scanned := "linked in an earlier run", ""
	for now := range s.Changes(ctx) {
		switch {
		case now.Record.State == pingr.SessionConnected:
			return how, nil
		case now.Record.State == pingr.SessionLinkExpired, now.Record.State == pingr.SessionLoggedOut,
			now.Record.State == pingr.SessionRestricted:
			if err := s.Link(); err != nil && !errors.Is(err, whatsapp.ErrLinked) {
				return "", fmt.Errorf("link session: %w", err)
			}
		case now.QR.Code != "" && now.QR.Code != scanned:
			scanned, how = now.QR.Code, "by scanning its QR code"
			if _, err := d.shop.Scan(ctx, scanned); err != nil {
				return "", fmt.Errorf("scan QR code: %w", err)
			}
		}
	}
	return "", fmt.Errorf("link session: %w", context.Cause(ctx))
}
