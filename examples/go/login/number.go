package login

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ErrNoAnswer means that Pingr did not say how a number is spelled.
var ErrNoAnswer = errors.New("the number could not be resolved")

// resolveTime is how long a person waits for Pingr's answer.
const resolveTime = 5 * time.Second

// Resolve returns a number as WhatsApp spells it, which is how events name it,
// and whether anybody has it. Without --api, it is the number as given. The error
// is ErrNoAnswer; it goes to the log with its reason.
func (s *Site) Resolve(ctx context.Context, phone string) (spelled string, onWhatsApp bool, err error) {
	if s.API == "" {
		return phone, true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	body, err := json.Marshal(map[string]string{"phone": phone})
	if err != nil {
		return "", false, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.API+"/v1/numbers/resolve", bytes.NewReader(body))
	if err != nil {
		return "", false, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Api-Key", s.Key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Log(fmt.Errorf("resolve a number: %w", err))
		return "", false, ErrNoAnswer
	}
	defer answer.Body.Close()
	var told struct {
		Phone      string `json:"phone"`
		OnWhatsApp bool   `json:"on_whatsapp"`
	}
	if answer.StatusCode != http.StatusOK || json.NewDecoder(answer.Body).Decode(&told) != nil || told.Phone == "" {
		s.Log(fmt.Errorf("resolve a number: Pingr answered %s", answer.Status))
		return "", false, ErrNoAnswer
	}
	return told.Phone, told.OnWhatsApp, nil
}

// NotChecked answers a code from a number that may be another spelling of the
// one typed in, while Pingr does not say.
func (s *Site) NotChecked() string {
	return "We could not check your number. Send the same text again in a minute."
}
