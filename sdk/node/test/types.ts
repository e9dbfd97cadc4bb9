// Compiled, never run: what the types let a program say.
import { createChallengeCode, extractChallengeCode, loginLink, PingrWebhookError, SeenInMemory, verifyWebhook } from 'hey-pingr';
import { Pingr, PingrRateLimitError } from 'hey-pingr';
import type { Delivery, PingrEvent, Seen, Sent } from 'hey-pingr';
import { pingrWebhook as forExpress } from 'hey-pingr/express';
import { pingrWebhook as forFastify } from 'hey-pingr/fastify';
import { fetchWebhook, pingrWebhook as forHono } from 'hey-pingr/hono';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import type { IncomingMessage } from 'node:http';

export function handle(req: IncomingMessage, body: Buffer): string | null {
  const event: PingrEvent = verifyWebhook(body, req.headers['x-pingr-signature'], ['new', 'old'], { checkTimestamp: true, now: 1 });
  switch (event.event) {
    case 'message.received': {
      const phone: string = event.from.phone ?? event.from.person;
      const left: number | undefined = event.auto_reply.status === 'suppressed' && event.auto_reply.reason === 'cooldown'
        ? event.auto_reply.retry_after : undefined;
      return extractChallengeCode(event.message.text, 'login') ?? `${phone} ${left}`;
    }
    case 'session.disconnected':
      // @ts-expect-error a disconnected session sent no message
      void event.message;
      return event.kind === 'terminal' ? String(event.reason) : null;
    case 'session.connected':
      return event.session_id;
  }
}

// A variable of the environment may be undefined; what is missing is said at run time.
export const fromEnvironment = (body: Buffer): PingrEvent => verifyWebhook(body, undefined, process.env.PINGR_WEBHOOK_SECRET);
void forExpress({ secret: process.env['PINGR_WEBHOOK_SECRET'], onEvent: () => null });

const code: string = createChallengeCode({ length: 8, charset: 'ABC' });
const link: string = loginLink('919876543210', `login ${code}`);
const name: string = new PingrWebhookError(link).code;
void name;
// @ts-expect-error the options are an object
createChallengeCode(8);
// @ts-expect-error a parsed body is not what was signed
verifyWebhook({ event: 'message.received' }, '', '');

export async function client(): Promise<void> {
  const pingr = new Pingr('pk_test_x', { maxRetries: 2, timeout: 1000 });
  try {
    const sent: Sent = await pingr.messages.send({ to: '919876543210', message: 'x' }, { signal: AbortSignal.timeout(5) });
    void sent.rate_limit_remaining?.toFixed();
  } catch (e) {
    if (e instanceof PingrRateLimitError) void ((e.retryAfter ?? 0) + 1);
  }
  for await (const d of pingr.webhooks.allDeliveries({ eventType: 'webhook.failed' })) {
    const one: Delivery = d;
    void one.http_status;
  }
  // @ts-expect-error the phone is a string
  await pingr.messages.send({ to: 919876543210, message: 'x' });
}

const options = { secret: 'x', onEvent: (e: PingrEvent) => (e.event === 'message.received' ? 'hi' : undefined) };
express().post('/pingr', forExpress(options));
const redis: Seen = { add: async (key, lifeMs) => key.length === 64 && lifeMs > 0 };
express().post('/pingr', forExpress({ ...options, seen: redis }));
new Hono().post('/pingr', forHono({ ...options, seen: new SeenInMemory() }));
fastify().register(forFastify, { path: '/pingr', ...options });
new Hono().post('/pingr', forHono(options));
export const POST: (request: Request) => Promise<Response> = fetchWebhook(options);
