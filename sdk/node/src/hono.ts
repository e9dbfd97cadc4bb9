import { PingrError } from './errors.js';
import { bytesOf, checked, PARSED, readBody, receive } from './receive.js';
import type { WebhookOptions } from './receive.js';

export type { Reply, WebhookOptions } from './receive.js';
export type { Seen } from './seen.js';

/** The part of a Hono request that is used. A body that a middleware read stays in its cache, as it came or parsed. */
interface HonoRequest {
  raw: Request;
  bodyCache?: { text?: unknown; arrayBuffer?: unknown };
}

/**
 * A handler for Hono. It throws a `PingrError` if no secret is given.
 *
 * ```js
 * app.post('/pingr', pingrWebhook({ secret, onEvent: (event) => 'Your link: …' }));
 * ```
 */
export function pingrWebhook(options: WebhookOptions): (c: { req: HonoRequest }) => Promise<Response> {
  checked(options);
  return async ({ req }) => respond(req.raw, bytesOf(await (req.bodyCache?.arrayBuffer ?? req.bodyCache?.text)), options);
}

/** The same for everything that passes a `Request` and takes a `Response`: Next.js and SvelteKit routes, Bun, Deno, workers with Node's crypto. */
export function fetchWebhook(options: WebhookOptions): (request: Request) => Promise<Response> {
  checked(options);
  return (request) => respond(request, undefined, options);
}

async function respond(request: Request, left: Uint8Array | undefined, options: WebhookOptions): Promise<Response> {
  const answer = await receive(left ?? await bodyOf(request), request.headers.get('x-pingr-signature'), options);
  return new Response(answer.body, { status: answer.status, headers: { 'content-type': answer.type } });
}

async function bodyOf(request: Request): Promise<Uint8Array> {
  if (request.bodyUsed) throw new PingrError(PARSED, 'body_parsed');
  return request.body === null ? new Uint8Array() : readBody(request.body as unknown as AsyncIterable<Uint8Array>);
}
