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

// WebhookHandler receives webhooks in a net/http server: it reads the body as it
// came, verifies it ([VerifyWebhook]) and answers with the text that Dispatcher
// gives. The same Dispatcher can be an Engine's, without HTTP in between.
//
// It answers 200 with {"reply":"…"}, or {} when Text is empty; 401 with the
// reason to what does not verify, 405 to what is no POST, 409 to a delivery that
// Seen knows, 413 to more than 1 MiB. When Dispatcher returns an error it answers 500, and Pingr tries again
// later; [ErrGone] is 410 and ends that. It is safe for concurrent use if
// Dispatcher is, and must not be changed while it serves.
type WebhookHandler struct {
	// Secret is the webhook's ("whsec_…"). Without one every request is refused.
	Secret string
	// OtherSecrets are accepted too: the old one, while it is being rotated.
	OtherSecrets []string
	// Seen, if not nil, lets each delivery in once. Without it, whoever reads a
	// request in a log can send it again for five minutes, and is answered as
	// Pingr was. [SeenInMemory] is one for a program of one process. An error of
	// Seen is answered with 500.
	Seen Seen
	// Dispatcher answers. Its events carry Attempt, and may come more than once,
	// with the same ID, as Pingr's own further attempts: then it must answer
	// again, and not act again.
	Dispatcher Dispatcher
	// Failed, if not nil, is told of each request that is answered with an
	// error, by 4xx or 5xx. What VerifyWebhook says may be logged; whether the
	// error of Dispatcher may is its own affair.
	Failed func(r *http.Request, err error)
	// Now is the time to compare timestamps with; nil is time.Now.
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
	_, _ = io.WriteString(w, answer) //nolint:gosec // JSON; should it not arrive, it is asked for again
}

// answer is the body to send, and for an error its status.
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
	return http.StatusInternalServerError, string(text), err
}

// once refuses a verified body that was received before. It comes before the
// Dispatcher: two that arrive together must not both be answered.
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
