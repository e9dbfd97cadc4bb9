import { bytesOf, checked, MAX_BODY, receive } from './receive.js';
import type { WebhookOptions } from './receive.js';

export type { Reply, WebhookOptions } from './receive.js';
export type { Seen } from './seen.js';

/** The part of a Fastify instance (4 and 5) that is used. */
interface Instance {
  removeAllContentTypeParsers(): void;
  addContentTypeParser(
    type: string, options: { parseAs: 'buffer'; bodyLimit: number }, parse: (req: unknown, body: Buffer, done: (e: null, body: Buffer) => void) => void,
  ): unknown;
  post(path: string, options: { bodyLimit: number }, handler: (request: Request, reply: Answering) => Promise<unknown>): unknown;
}

interface Request {
  body: unknown;
  headers: Record<string, string | string[] | undefined>;
}

interface Answering {
  code(status: number): Answering;
  type(type: string): Answering;
  send(body: string): unknown;
}

/**
 * A plugin for Fastify. It leaves the application's parsers alone. Registering it
 * fails with a `PingrError` if no secret is given.
 *
 * ```js
 * app.register(pingrWebhook, { path: '/pingr', secret, onEvent: (event) => 'Your link: …' });
 * ```
 */
export async function pingrWebhook(fastify: Instance, options: WebhookOptions & { path?: string }): Promise<void> {
  checked(options);
  // A plugin's parsers are its own.
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: MAX_BODY }, (_, body, done) => done(null, body));
  fastify.post(options.path ?? '/pingr', { bodyLimit: MAX_BODY }, async (request, reply) => {
    const body = bytesOf(request.body) ?? new Uint8Array();
    const signature = request.headers['x-pingr-signature'];
    const answer = await receive(body, typeof signature === 'string' ? signature : undefined, options);
    return reply.code(answer.status).type(answer.type).send(answer.body);
  });
}
