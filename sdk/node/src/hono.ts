import { PingrError } from './errors.js';
import { PARSED, readBody, receive } from './receive.js';
import type { WebhookOptions } from './receive.js';

export type { Reply, WebhookOptions } from './receive.js';
export type { Seen } from './seen.js';

/**
 * A handler for Hono.
 *
 * ```js
 * app.post('/pingr', pingrWebhook({ secret, onEvent: (event) => 'Your link: …' }));
 * ```
 */
export function pingrWebhook(options: WebhookOptions) {
  const answer = fetchWebhook(options);
  return (c: { req: { raw: Request } }): Promise<Response> => answer(c.req.raw);
}

/** The same for whatever hands a `Request` and takes a `Response`: Next.js and SvelteKit routes, Bun, Deno, workers with Node's crypto. */
export function fetchWebhook(options: WebhookOptions): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.bodyUsed) throw new PingrError(PARSED, 'body_parsed');
    const body = request.body === null ? new Uint8Array() : await readBody(request.body as unknown as AsyncIterable<Uint8Array>);
    const answer = await receive(body, request.headers.get('x-pingr-signature'), options);
    return new Response(answer.body, { status: answer.status, headers: { 'content-type': answer.type } });
  };
}
