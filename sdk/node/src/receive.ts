import { PingrError, PingrWebhookError } from './errors.js';
import type { PingrEvent } from './events.js';
import { isFirst } from './seen.js';
import type { Seen } from './seen.js';
import { verifyWebhook } from './webhook.js';

/** How webhooks are received. */
export interface WebhookOptions {
  /**
   * The webhook's secret (`whsec_…`), or several while one is rotated. It may be
   * a variable of the environment as it is: without one, setting up throws.
   */
  secret: string | readonly string[] | undefined;
  /**
   * Lets each delivery in once, and answers 409 to its repeat; `new SeenInMemory()`
   * for a program of one process. Without it, whoever reads a request in a log can
   * send it again for five minutes, and is answered as Pingr was.
   */
  seen?: Seen;
  /**
   * Called with every event whose signature holds; what it returns is the
   * reply, nothing leaves the trigger's own. It may be called more than once
   * with the same `id`, as Pingr's own further attempts. When it throws, the answer is 500 and Pingr asks again later.
   */
  onEvent: (event: PingrEvent) => Reply | Promise<Reply>;
  /** Told of every request that is answered with an error. Default: `console.error` of its message. */
  onError?: (error: unknown) => void;
}

/** The text to answer with, or nothing. */
export type Reply = string | null | undefined | void;

/** What to answer a webhook with: JSON, or for an error its words. */
export interface Answer {
  status: 200 | 401 | 409 | 413 | 500;
  type: 'application/json' | 'text/plain; charset=utf-8';
  body: string;
}

const REPEATED = 'this delivery was received before; Pingr signs each attempt again, so is it a replay?';

/** More than an event with the longest text takes, in bytes. */
export const MAX_BODY = 1024 * 1024;

/**
 * Refuses at start what would refuse every webhook later: no secret.
 *
 * @throws {PingrError} when there is none
 */
export function checked<T extends WebhookOptions>(options: T): T {
  const [first] = typeof options.secret === 'string' ? [options.secret] : options.secret ?? [];
  if (!first) throw new PingrError('No webhook secret is given; the dashboard shows it (whsec_…)', 'no_secret');
  return options;
}

/** The bytes of a body that another parser left as it came; undefined when it left something else. */
export function bytesOf(body: unknown): Uint8Array | undefined {
  if (body instanceof Uint8Array) return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  return typeof body === 'string' ? Buffer.from(body, 'utf8') : undefined;
}

/** Verifies a body as it came, and asks for the answer. */
export async function receive(body: Uint8Array, signature: string | null | undefined, options: WebhookOptions): Promise<Answer> {
  try {
    if (body.length > MAX_BODY) return refused(413, new PingrError('The body is longer than 1 MiB', 'payload_too_large'), options);
    const event = verifyWebhook(body, signature ?? undefined, options.secret);
    // Before it is handled: of two that arrive together one must not be answered.
    if (options.seen && !(await isFirst(options.seen, body))) return refused(409, new PingrWebhookError(REPEATED), options);
    const reply = await options.onEvent(event);
    return { status: 200, type: 'application/json', body: JSON.stringify(reply ? { reply } : {}) };
  } catch (error) {
    return refused(error instanceof PingrWebhookError ? 401 : 500, error, options);
  }
}

/** Tells whoever runs it, and answers the error's words unless they may be too much. */
export function refused(status: 401 | 409 | 413 | 500, error: unknown, options: WebhookOptions): Answer {
  if (options.onError) options.onError(error);
  else console.error(`Pingr webhook: ${error instanceof Error ? error.message : 'failed'}`);
  return { status, type: 'text/plain; charset=utf-8', body: status === 500 ? 'not handled; try again later' : (error as Error).message };
}

/** Reads at most one byte more than a body may have. */
export async function readBody(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > MAX_BODY) break;
  }
  return Buffer.concat(chunks);
}

/** What to do when only what a parser made of the body is left. */
export const PARSED = 'The body was parsed already, and what was signed is lost: mount the webhook before the JSON parser';
