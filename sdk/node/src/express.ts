import type { IncomingMessage, ServerResponse } from 'node:http';
import { PingrError } from './errors.js';
import { bytesOf, checked, PARSED, readBody, receive, refused } from './receive.js';
import type { Answer, WebhookOptions } from './receive.js';

export type { Reply, WebhookOptions } from './receive.js';
export type { Seen } from './seen.js';

/**
 * A handler for Express (4 and 5), Connect and plain `node:http`. Mount it
 * before `express.json()`, or behind `express.raw()` or `express.text()`, because
 * it needs the body as it came. It throws a `PingrError` if no secret is given.
 *
 * ```js
 * app.post('/pingr', pingrWebhook({ secret, onEvent: (event) => 'Your link: …' }));
 * ```
 */
export function pingrWebhook(options: WebhookOptions) {
  checked(options);
  return async (req: IncomingMessage, res: ServerResponse, next?: (error: unknown) => void): Promise<void> => {
    let answer: Answer;
    try {
      answer = await receive(await rawBody(req), header(req.headers['x-pingr-signature']), options);
    } catch (error) {
      if (next) {
        next(error);
        return;
      }
      // Nobody else would take it, and whoever breaks a body off must not end the program.
      answer = refused(500, error, options);
    }
    res.writeHead(answer.status, { 'content-type': answer.type, ...(answer.status === 413 ? { connection: 'close' } : {}) });
    res.end(answer.body);
  };
}

function header(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Returns the body of a request that a parser may already have read. */
async function rawBody(req: IncomingMessage & { body?: unknown; rawBody?: unknown }): Promise<Uint8Array> {
  const left = bytesOf(req.rawBody) ?? bytesOf(req.body);
  if (left) return left;
  if (req.readableDidRead) throw new PingrError(PARSED, 'body_parsed');
  return readBody(req);
}
