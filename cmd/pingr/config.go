package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"

	"github.com/heypingr/pingr/session/whatsapp"
)

const defaultData = "./pingr-data"

// config is the configuration from flags, environment and file.
type config struct {
	// Data is empty if no directory was named; see dataDir.
	Data string `env:"PINGR_DATA"`
	// Database is a PostgreSQL URL. Empty means SQLite in the data directory.
	Database string `env:"PINGR_DATABASE"`
	Log      string `env:"PINGR_LOG" envDefault:"warn"`

	// Listen is the address of serve. PublicURL is how others reach it.
	Listen    string `env:"PINGR_LISTEN"`
	PublicURL string `env:"PINGR_PUBLIC_URL"`
	// TrustedProxies are networks (CIDR) and addresses, or "none". Empty means
	// loopback.
	TrustedProxies []string `env:"PINGR_TRUSTED_PROXIES"`
	// MetricsListen is where /metrics is served, if not at Listen.
	MetricsListen string `env:"PINGR_METRICS_LISTEN"`

	// Server is where session, trigger and the like ask, with a key or, if Token
	// is set, as who has logged in.
	Server string `env:"PINGR_SERVER"`
	APIKey string `env:"PINGR_API_KEY"`
	Token  string `env:"PINGR_TOKEN"`

	// Plans is a file of plans; empty is the documented ones. SignUp is "on" or
	// "off": whether people make accounts by themselves, of SignUpPlan.
	Plans      string `env:"PINGR_PLANS"`
	SignUp     string `env:"PINGR_SIGNUP" envDefault:"off"`
	SignUpPlan string `env:"PINGR_SIGNUP_PLAN"`

	// SendRate and BacklogRate are the engine's, DialRate is the pool's. 0 selects
	// the default.
	SendRate    float64 `env:"PINGR_SEND_RATE"`
	BacklogRate float64 `env:"PINGR_BACKLOG_RATE"`
	DialRate    float64 `env:"PINGR_DIAL_RATE"`

	WebhookURL    string `env:"PINGR_WEBHOOK_URL"`
	WebhookSecret string `env:"PINGR_WEBHOOK_SECRET"`
	// WebhookAllow are networks (CIDR) whose special addresses a webhook may have.
	WebhookAllow []string `env:"PINGR_WEBHOOK_ALLOW"`

	WhatsAppURL     string `env:"PINGR_WHATSAPP_URL"`
	WhatsAppCA      string `env:"PINGR_WHATSAPP_CA"`
	WhatsAppCertKey string `env:"PINGR_WHATSAPP_CERT_KEY"`

	// File is the configuration file that was read, or "" if there was none.
	File string
}

// readConfig merges file, environment and flags; later ones win. Every error is
// a usageError.
func readConfig(flags globals, environ []string) (config, error) {
	vars := env.ToMap(environ)
	file := flags.config
	if file == "" {
		file = vars["PINGR_CONFIG"]
	}
	if file != "" {
		settings, err := readConfigFile(file)
		if err != nil {
			return config{}, usagef("configuration %s: %v", file, err)
		}
		for name, value := range settings {
			if _, set := vars[name]; !set {
				vars[name] = value
			}
		}
	}
	c, err := env.ParseAsWithOptions[config](env.Options{Environment: vars})
	if err != nil {
		return config{}, usagef("configuration: %v", err)
	}
	c.File = file
	if flags.data != "" {
		c.Data = flags.data
	}
	if flags.database != "" {
		c.Database = flags.database
	}
	if flags.plans != "" {
		c.Plans = flags.plans
	}
	if flags.log != "" {
		c.Log = flags.log
	}
	if _, err := c.logLevel(); err != nil {
		return config{}, err
	}
	return c, c.checkRates()
}

// checkRates refuses what cannot be a number of things a second.
func (c config) checkRates() error {
	for name, rate := range map[string]float64{
		"PINGR_SEND_RATE": c.SendRate, "PINGR_BACKLOG_RATE": c.BacklogRate, "PINGR_DIAL_RATE": c.DialRate,
	} {
		if !(rate >= 0) || math.IsInf(rate, 0) { // NaN too
			return usagef("%s is %v; it must be a number a second, such as 20 or 0.5, or 0 for the default", name, rate)
		}
	}
	return nil
}

// readConfigFile reads KEY=VALUE lines. An unknown name is an error, because it
// is more likely a typo than a wish.
func readConfigFile(name string) (map[string]string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	known, err := settingNames()
	if err != nil {
		return nil, err
	}
	settings := map[string]string{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		key = strings.TrimSpace(key)
		switch {
		case !ok:
			return nil, fmt.Errorf("line %d is not KEY=VALUE", n)
		case !slices.Contains(known, key):
			return nil, fmt.Errorf("line %d: unknown setting %s; the settings are %s", n, key, strings.Join(known, ", "))
		}
		settings[key] = unquote(strings.TrimSpace(value))
	}
	return settings, lines.Err()
}

func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}

// settingNames returns the names that a configuration file may use.
func settingNames() ([]string, error) {
	fields, err := env.GetFieldParams(&config{})
	if err != nil {
		return nil, err
	}
	var names []string
	for _, f := range fields {
		if f.Key != "" {
			names = append(names, f.Key)
		}
	}
	return names, nil
}

// dataDir returns the data directory, whether it was named or not.
func (c config) dataDir() string {
	if c.Data == "" {
		return defaultData
	}
	return c.Data
}

const levelOff = slog.Level(100)

func (c config) logLevel() (slog.Level, error) {
	if c.Log == "off" {
		return levelOff, nil
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Log)); err != nil {
		return 0, usagef("log level %q is not one of debug, info, warn, error, off", c.Log)
	}
	return level, nil
}

// logger writes to stderr from the configured level on.
func (a *app) logger() *slog.Logger {
	level, err := a.config.logLevel()
	if err != nil || level == levelOff {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level}))
}

// endpoint returns the loopback WhatsApp in the settings. The zero value is the
// real one.
func (c config) endpoint() (whatsapp.Endpoint, error) {
	e := whatsapp.Endpoint{URL: c.WhatsAppURL, CertKey: c.WhatsAppCertKey}
	if c.WhatsAppCA == "" {
		return e, nil
	}
	ca, err := os.ReadFile(c.WhatsAppCA)
	if err != nil {
		return e, usageError{"PINGR_WHATSAPP_CA: " + err.Error()}
	}
	e.CA = ca
	return e, nil
}

// existingData returns the data directory, or an error that says how to create
// one.
func (c config) existingData() (string, error) {
	dir := c.dataDir()
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("there is no data directory %s: give it with --data, or create one with pingr link", dir)
	case err != nil:
		return "", fmt.Errorf("data directory: %w", err)
	case !info.IsDir():
		return "", fmt.Errorf("%s is not a directory", dir)
	}
	return dir, nil
}
