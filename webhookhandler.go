package pingr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// maxWebhook is more than an event with the longest text takes.
const maxWebhook = 1 << 20

const notHandled = "not handled; try again later"

// WebhookHandler receives webhooks in a net/http server. It reads the body,
// verifies it with [VerifyWebhook], and answers with the text that Dispatcher
// returns. An Engine can use the same Dispatcher without HTTP in between.
//
// The status of the answer is
//
//   - 200 with {"reply":"…"}, or {} if Text is empty;
//   - 401 if the webhook does not verify, with the reason;
//   - 405 if the request is not a POST;
//   - 409 if Seen knows the delivery;
//   - 410 if Dispatcher returns [ErrGone], which ends Pingr's attempts;
//   - 413 if the body is longer than 1 MiB;
//   - 500 if Dispatcher returns another error or Seen fails. Pingr tries again
//     later.
//
// WebhookHandler is safe for concurrent use if Dispatcher is, and must not be
// changed while it serves.
type WebhookHandler struct {
	// Secret is the webhook's secret ("whsec_…"). If empty, every request is
	// refused.
	Secret string
	// OtherSecrets are accepted too, such as the old secret during a rotation.
	OtherSecrets []string
	// Seen, if not nil, accepts each delivery once. Without it, anyone who reads a
	// request in a log can send it again within five minutes and gets the answer
	// that Pingr got. [SeenInMemory] suits a program of one process.
	Seen Seen
	// Dispatcher answers. Its events carry Attempt. An event may come more than
	// once, with the same ID, when Pingr repeats it. The Dispatcher must then
	// answer again and not act again.
	Dispatcher Dispatcher
	// Failed, if not nil, is called for each request that is answered with 4xx or
	// 5xx. Errors of VerifyWebhook may be logged; Dispatcher decides whether its
	// own may.
	Failed func(r *http.Request, err error)
	// Now returns the time to compare timestamps with. Defaults to time.Now.
	Now func() time.Time
}

// ServeHTTP implements [http.Handler].
func (h *WebhookHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, answer, err := h.answer(w, r)
	if err != nil {
		if h.Failed != nil {
			h.Failed(r, err)
		}
		http.Error(w, answer, status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer) //nolint:gosec // JSON; if it does not arrive, Pingr asks again
}

// answer returns what to send; err is why a request is refused or failed.
func (h *WebhookHandler) answer(w http.ResponseWriter, r *http.Request) (status int, answer string, err error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return http.StatusMethodNotAllowed, "webhooks are POST requests", errors.New("not a POST request")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWebhook))
	if err != nil {
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			return http.StatusRequestEntityTooLarge, "the body is longer than 1 MiB", err
		}
		return http.StatusBadRequest, "the body was not read", err
	}
	options := VerifyOptions{OtherSecrets: h.OtherSecrets}
	if h.Now != nil {
		options.Now = h.Now()
	}
	event, err := VerifyWebhook(body, r.Header.Get("X-Pingr-Signature"), h.Secret, options)
	if err != nil {
		return http.StatusUnauthorized, err.Error(), err
	}
	if status, answer, err := h.once(r.Context(), body); err != nil {
		return status, answer, err
	}
	event.Attempt, _ = strconv.Atoi(r.Header.Get("X-Pingr-Attempt"))
	reply, err := h.Dispatcher.Dispatch(r.Context(), *event)
	switch {
	case errors.Is(err, ErrGone):
		return http.StatusGone, "gone", err
	case err != nil:
		return http.StatusInternalServerError, notHandled, err
	}
	text, err := json.Marshal(struct {
		Reply string `json:"reply,omitempty"`
	}{reply.Text})
	if err != nil {
		return http.StatusInternalServerError, notHandled, err
	}
	return http.StatusOK, string(text), nil
}

// once refuses a verified body that was received before. It comes before the
// Dispatcher: of two that arrive together, only one may be answered.
func (h *WebhookHandler) once(ctx context.Context, body []byte) (status int, answer string, err error) {
	if h.Seen == nil {
		return 0, "", nil
	}
	isNew, err := h.Seen.Add(ctx, seenKey(body), seenLife)
	if err != nil {
		return http.StatusInternalServerError, notHandled, fmt.Errorf("remember the delivery: %w", err)
	}
	if !isNew {
		err := &WebhookError{"this delivery was received before; Pingr signs each attempt again, so is it a replay?"}
		return http.StatusConflict, err.Error(), err
	}
	return 0, "", nil
}
