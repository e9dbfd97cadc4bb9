/** The base of every error that this package throws on purpose. */
export class PingrError extends Error {
  override name = 'PingrError';
  /** A word for programs, such as `webhook_error`. */
  readonly code: string;

  constructor(message: string, code = 'unknown_error') {
    super(message);
    this.code = code;
  }
}

/**
 * A webhook was not accepted. The message says why, for a person, and holds
 * nothing of the body or the secret, so it may be logged.
 */
export class PingrWebhookError extends PingrError {
  override name = 'PingrWebhookError';

  constructor(message: string) {
    super(message, 'webhook_error');
  }
}
