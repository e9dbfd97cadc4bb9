import { createHmac, timingSafeEqual } from 'node:crypto';
import { PingrWebhookError } from './errors.js';
import type { PingrEvent } from './events.js';

const TOLERANCE_MS = 5 * 60 * 1000;

/** Options of {@link verifyWebhook}. */
export interface VerifyOptions {
  /** Whether to refuse a body whose timestamp is missing or more than 5 minutes from now. Defaults to true. */
  checkTimestamp?: boolean;
  /** The time to compare the timestamp with, in Unix milliseconds. Defaults to the current time. */
  now?: number;
}

/**
 * Checks the signature of a webhook and returns its event.
 *
 * The signature must be `sha256=` and 64 lowercase hex digits. It is compared in
 * constant time, and nothing is parsed before it has been verified. The body must
 * be a JSON object in UTF-8 whose `timestamp` is within 5 minutes of now, in either
 * direction.
 *
 * @param rawBody the body byte for byte as it came, before any JSON parser, as
 *   `express.raw()` or `await request.text()` returns it
 * @param signature the `x-pingr-signature` header
 * @param secret the endpoint's secret, `whsec_…`, or several during a rotation, the
 *   new one first. Without one (an environment variable that is not set) every
 *   webhook is refused
 * @throws {PingrWebhookError} if the webhook is not accepted, with the reason
 */
export function verifyWebhook(
  rawBody: Uint8Array | string,
  signature: string | string[] | null | undefined,
  secret: string | readonly string[] | undefined,
  opts: VerifyOptions = {},
): PingrEvent {
  const body = bytesOf(rawBody);
  checkSignature(body, signature, typeof secret === 'string' ? [secret] : secret ?? []);
  const event = parse(body);
  if (opts.checkTimestamp ?? true) checkTimestamp(timestampOf(event), opts.now ?? Date.now());
  return event as unknown as PingrEvent;
}

function bytesOf(rawBody: unknown): Uint8Array {
  if (typeof rawBody === 'string') return Buffer.from(rawBody, 'utf8');
  if (rawBody instanceof Uint8Array) return rawBody;
  throw new PingrWebhookError('the body is neither bytes nor a string: pass it as it came, before any JSON parser');
}

function checkSignature(body: Uint8Array, signature: unknown, secrets: readonly string[]): void {
  if (signature === undefined || signature === null || signature === '') {
    throw new PingrWebhookError('there is no signature: the header x-pingr-signature is missing or empty');
  }
  if (typeof signature !== 'string' || !/^sha256=[0-9a-f]{64}$/.test(signature)) {
    throw new PingrWebhookError('the signature is not sha256= and 64 lowercase hex digits');
  }
  if (!secrets[0]) throw new PingrWebhookError('no secret is given');
  const given = Buffer.from(signature.slice('sha256='.length), 'hex');
  for (const secret of secrets) {
    if (secret && timingSafeEqual(createHmac('sha256', secret).update(body).digest(), given)) return;
  }
  throw new PingrWebhookError('the signature does not match the body and the secret');
}

function parse(body: Uint8Array): Record<string, unknown> {
  const first = body.find((c) => c !== 0x20 && c !== 0x09 && c !== 0x0a && c !== 0x0d);
  if (first !== 0x7b) throw new PingrWebhookError('the body is not a JSON object');
  try {
    // Buffer.toString would replace what is not UTF-8 by U+FFFD.
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new PingrWebhookError('the body is not an event'); // the parser's own message would quote the body
  }
}

/** Returns the event's timestamp, or 0 if it has none. */
function timestampOf(event: Record<string, unknown>): number {
  const stamp = event['timestamp'] ?? 0;
  if (typeof stamp !== 'number' || !Number.isInteger(stamp) || Math.abs(stamp) > 2 ** 63) {
    throw new PingrWebhookError('the timestamp is not an integer');
  }
  return stamp;
}

function checkTimestamp(stamp: number, now: number): void {
  if (stamp === 0) throw new PingrWebhookError('the body has no timestamp');
  if (stamp < now - TOLERANCE_MS) {
    throw new PingrWebhookError('the timestamp is more than 5 minutes old; is this an old request, or the clock wrong?');
  }
  if (stamp > now + TOLERANCE_MS) {
    throw new PingrWebhookError('the timestamp is more than 5 minutes ahead; is the clock wrong?');
  }
}
