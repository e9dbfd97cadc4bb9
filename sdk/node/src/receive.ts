import { PingrError, PingrWebhookError } from './errors.js';
import type { PingrEvent } from './events.js';
import { isFirst } from './seen.js';
import type { Seen } from './seen.js';
import { verifyWebhook } from './webhook.js';

/** Options for receiving webhooks. */
export interface WebhookOptions {
  /**
   * The webhook's secret (`whsec_…`), or several during a rotation. You may pass
   * an environment variable as it is: if it is not set, setting up throws.
   */
  secret: string | readonly string[] | undefined;
  /**
   * Accepts each delivery once, and answers 409 to a repeat. `new SeenInMemory()`
   * suits a program of one process. Without it, anyone who reads a request in a
   * log can send it again within five minutes and gets the answer that Pingr got.
   */
  seen?: Seen;
  /**
   * Called with every verified event. The text that it returns, or `{ reply: text }`,
   * is the reply. If it returns nothing, the trigger's own reply is sent. It may be called more than
   * once with the same `id`, when Pingr repeats an event. If it throws, the answer
   * is 500 and Pingr asks again later.
   */
  onEvent: (event: PingrEvent) => Reply | Promise<Reply>;
  /** Called for every request that is answered with an error. Defaults to `console.error` with the error's message. */
  onError?: (error: unknown) => void;
}

/** The text to answer with, also as the object that the webhook's own JSON is, or nothing. */
export type Reply = string | { reply?: string | null } | null | undefined | void;

/** The answer to a webhook: JSON, or the text of an error. */
export interface Answer {
  status: 200 | 401 | 409 | 413 | 500;
  type: 'application/json' | 'text/plain; charset=utf-8';
  body: string;
}

const REPEATED = 'this delivery was received before; Pingr signs each attempt again, so is it a replay?';

/** The limit of a body in bytes: more than an event with the longest text takes. */
export const MAX_BODY = 1024 * 1024;

/**
 * Checks at the start that there is a secret, because without one every webhook
 * would be refused later.
 *
 * @throws {PingrError} if there is none
 */
export function checked<T extends WebhookOptions>(options: T): T {
  const [first] = typeof options.secret === 'string' ? [options.secret] : options.secret ?? [];
  if (!first) throw new PingrError('No webhook secret is given; the dashboard shows it (whsec_…)', 'no_secret');
  return options;
}

/** Returns the bytes of a body that another parser left as it came, or undefined if it left something else. */
export function bytesOf(body: unknown): Uint8Array | undefined {
  if (body instanceof Uint8Array) return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  return typeof body === 'string' ? Buffer.from(body, 'utf8') : undefined;
}

/** Verifies a body as it came, and returns the answer of `onEvent`. */
export async function receive(body: Uint8Array, signature: string | null | undefined, options: WebhookOptions): Promise<Answer> {
  try {
    if (body.length > MAX_BODY) return refused(413, new PingrError('The body is longer than 1 MiB', 'payload_too_large'), options);
    const event = verifyWebhook(body, signature ?? undefined, options.secret);
    // Before it is handled: of two that arrive together one must not be answered.
    if (options.seen && !(await isFirst(options.seen, body))) return refused(409, new PingrWebhookError(REPEATED), options);
    const reply = textOf(await options.onEvent(event));
    return { status: 200, type: 'application/json', body: JSON.stringify(reply ? { reply } : {}) };
  } catch (error) {
    return refused(error instanceof PingrWebhookError ? 401 : 500, error, options);
  }
}

/** Returns the text of what `onEvent` returned. What is neither text nor `{ reply }` is a mistake, which must not go out as one. */
function textOf(reply: Reply): string | null | undefined {
  const text: unknown = typeof reply === 'object' && reply !== null && Object.keys(reply).every((k) => k === 'reply') ? reply.reply : reply;
  if (text === undefined || text === null || typeof text === 'string') return text;
  throw new PingrError('onEvent must return the text of the reply, { reply: text } or nothing', 'bad_reply');
}

/** Reports an error, and returns its answer: the error's text, unless that may reveal too much. */
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

/** The error if only a parsed body is left. */
export const PARSED = 'The body was parsed already, and what was signed is lost: mount the webhook before the JSON parser';
