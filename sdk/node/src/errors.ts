/** What an error of the API holds in addition to its message. */
export interface ErrorDetails {
  /** The HTTP status. Absent if no answer came. */
  status?: number | undefined;
  /** Whole seconds to wait. */
  retryAfter?: number | undefined;
  /** The `X-Request-Id` of the answer. Quote it when you ask for help. */
  requestId?: string | undefined;
}

/**
 * The base of every error that this package throws on purpose. `message` is for
 * people and contains no API key, token or secret.
 */
export class PingrError extends Error {
  override name = 'PingrError';
  /** A code for programs: the `error` of the API's answer, such as `plan_limit`, or one of ours, such as `network_error`. */
  readonly code: string;
  declare readonly status?: number;
  declare readonly retryAfter?: number;
  declare readonly requestId?: string;

  constructor(message: string, code = 'unknown_error', details: ErrorDetails = {}) {
    super(message);
    this.code = code;
    for (const [name, value] of Object.entries(details)) {
      if (value !== undefined) Object.defineProperty(this, name, { value, enumerable: true });
    }
  }
}

/** The API key or login is missing, unknown, revoked or has ended (401). `code` is `auth_error`. */
export class PingrAuthError extends PingrError {
  override name = 'PingrAuthError';

  constructor(message = 'Invalid or inactive API key', details: ErrorDetails = {}) {
    super(message, 'auth_error', { status: 401, ...details });
  }
}

/**
 * A cooldown, the month's quota or another limit is reached (429). `code` is
 * `rate_limit` or `quota_exceeded`, `retryAfter` is the number of seconds to wait.
 */
export class PingrRateLimitError extends PingrError {
  override name = 'PingrRateLimitError';

  constructor(message: string, code = 'rate_limit', details: ErrorDetails = {}) {
    super(message, code, { status: 429, ...details });
  }
}

/** A parameter is missing or malformed; the message names it (422). `code` is `validation_error`. */
export class PingrValidationError extends PingrError {
  override name = 'PingrValidationError';

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, 'validation_error', { status: 422, ...details });
  }
}

/**
 * A webhook was not accepted. The message gives the reason for people. It holds
 * nothing of the body or the secret, so it may be logged.
 */
export class PingrWebhookError extends PingrError {
  override name = 'PingrWebhookError';

  constructor(message: string) {
    super(message, 'webhook_error');
  }
}
