package pingr

import (
	"context"
	"fmt"
	"time"
)

// A Resolver is a [Session] that can ask WhatsApp who has a number. Sessions of
// session/whatsapp and session/sim are Resolvers. sessiontest has cases for it.
type Resolver interface {
	// Resolve asks WhatsApp who has a number now. It returns within a minute and
	// caches nothing; callers that wait for the same number share one question. phone
	// is digits only, with country code. It may be a spelling that WhatsApp does not
	// use, such as a Brazilian number with its ninth digit.
	//
	// WhatsApp watches programs that ask about many numbers: ask only if a person
	// waits for the answer, and use what is known. The error is [ErrPhone], a
	// *[ResolveLimitError], [ErrSessionUnavailable] (also if WhatsApp did not
	// answer), [ErrRefused], or that of ctx. Resolve is safe for concurrent use.
	Resolve(ctx context.Context, phone string) (Resolved, error)
}

// Resolved is what WhatsApp says about a number.
type Resolved struct {
	// OnWhatsApp reports whether an account has the number.
	OnWhatsApp bool
	// Phone is the number as WhatsApp spells it, digits only. If nobody has the
	// number, it is the one that was asked about.
	Phone string
	// LID is the JID ("…@lid") of the account that has the number now, as in
	// [Message]. It is empty if WhatsApp named none.
	LID string
}

// A ResolveLimitError means that WhatsApp is asked about no more numbers for a
// while, because it refused questions or because too many were asked.
type ResolveLimitError struct {
	RetryAfter time.Duration // from now, above 0
}

func (e *ResolveLimitError) Error() string {
	return fmt.Sprintf("WhatsApp may be asked about numbers again in %s", e.RetryAfter.Round(time.Second))
}
