// Webhooks received in the real frameworks, by real requests.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { serve } from '@hono/node-server';
import express from 'express';
import express4 from 'express4';
import fastify from 'fastify';
import fastify4 from 'fastify4';
import { Hono } from 'hono';
import { pingrWebhook as forExpress } from 'hey-pingr/express';
import { pingrWebhook as forFastify } from 'hey-pingr/fastify';
import { fetchWebhook, pingrWebhook as forHono } from 'hey-pingr/hono';

const secret = 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=';

const listening = async (server) => {
  if (!server.listening) await once(server, 'listening');
  return { port: server.address().port, close: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections?.(); }) };
};

const onExpress = (name, express) => ({
  [name]: (options) => {
    const app = express();
    app.post('/pingr', forExpress(options));
    app.use(express.json());
    return listening(app.listen(0, '127.0.0.1'));
  },
  [`${name} behind express.raw()`]: (options) => {
    const app = express();
    app.post('/pingr', express.raw({ type: () => true, limit: '2mb' }), forExpress(options));
    return listening(app.listen(0, '127.0.0.1'));
  },
});

const onFastify = async (fastify, options) => {
  const app = fastify();
  app.post('/json', (request) => ({ parsed: request.body })); // the application's own parser stays
  app.register(forFastify, { path: '/pingr', ...options });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return { port: app.server.address().port, close: () => app.close() };
};

// Each starts a server that receives webhooks at /pingr.
const frameworks = {
  'node:http': (options) => listening(createServer(forExpress(options)).listen(0, '127.0.0.1')),
  ...onExpress('Express 5', express),
  ...onExpress('Express 4', express4),
  'Fastify 5': (options) => onFastify(fastify, options),
  'Fastify 4': (options) => onFastify(fastify4, options),
  'Hono': (options) => {
    const app = new Hono();
    app.post('/pingr', forHono(options));
    return listening(serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }));
  },
};

const event = (text, at = Date.now()) => JSON.stringify({
  event: 'message.received', session_id: 'main', from: { phone: '919876543210' }, message: { text }, timestamp: at, id: 'evt_1',
});
const sign = (body, key = secret) => `sha256=${createHmac('sha256', key).update(body).digest('hex')}`;

const long = event('x'.repeat(1024 * 1024));
const requests = [
  { name: 'a signed one', body: event('login'), status: 200, says: '{"reply":"You wrote login"}' },
  { name: 'without a reply', body: event('quiet'), status: 200, says: '{}' },
  { name: 'characters of every plane', body: event('Zoë 🎉 \u2028 登录'), status: 200, says: '{"reply":"You wrote Zoë 🎉 \u2028 登录"}' },
  { name: 'white space that a parser would drop', body: ` ${event('login')}\n`, status: 200, says: '{"reply":"You wrote login"}' },
  { name: 'another charset\'s name', body: event('login'), type: 'application/json; charset=iso-8859-1', status: 200, says: '{"reply":"You wrote login"}' },
  { name: 'no content type', body: event('login'), type: '', status: 200, says: '{"reply":"You wrote login"}' },
  { name: 'the old secret', body: event('login'), key: 'whsec_b2xk', status: 200, says: '{"reply":"You wrote login"}' },
  { name: 'another\'s secret', body: event('login'), key: 'whsec_x', status: 401, says: /does not fit/ },
  { name: 'no signature', body: event('login'), signature: '', status: 401, says: /sha256=/ },
  { name: 'a replay of yesterday', body: event('login', Date.now() - 86_400_000), status: 401, says: /5 minutes/ },
  { name: 'no body', body: '', status: 401, says: /not a JSON object|not JSON|signature|body/ },
  { name: 'too long a body', body: long, status: 413, says: /1 MiB|too large|Payload/i },
  { name: 'a handler that fails', body: event('fail'), status: 500, says: 'not handled; try again later' },
];

for (const [framework, start] of Object.entries(frameworks)) {
  test(framework, async (t) => {
    const failures = [];
    const { port, close } = await start({
      secret: [secret, 'whsec_b2xk'],
      onEvent: async (e) => {
        if (e.message.text === 'fail') throw new Error(`the database of +${e.from.phone} is down`);
        return e.message.text === 'quiet' ? undefined : `You wrote ${e.message.text}`;
      },
      onError: (error) => failures.push(error),
    });
    t.after(close);
    for (const r of requests) {
      await t.test(r.name, async () => {
        const answer = await fetch(`http://127.0.0.1:${port}/pingr`, {
          method: 'POST', body: Buffer.from(r.body),
          headers: { 'x-pingr-signature': r.signature ?? sign(r.body, r.key), ...(r.type === '' ? {} : { 'content-type': r.type ?? 'application/json' }) },
        });
        const said = await answer.text();
        assert.equal(answer.status, r.status, said);
        if (typeof r.says === 'string') assert.equal(said, r.says);
        else assert.match(said, r.says);
        if (r.status === 200) assert.match(answer.headers.get('content-type'), /^application\/json/);
        assert.doesNotMatch(said, /919876543210/);
      });
    }
    assert.ok(failures.some((e) => /database/.test(e.message)), 'whoever runs it learns why');

    await t.test('a body that breaks off harms nobody', async () => {
      const stranger = connect(port, '127.0.0.1');
      stranger.write('POST /pingr HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n');
      await once(stranger, 'data'); // the handler may begin
      stranger.write('{');
      stranger.destroy();
      await once(stranger, 'close');
      const body = event('login');
      for (let i = 0; i < 20; i++) {
        const answer = await fetch(`http://127.0.0.1:${port}/pingr`, {
          method: 'POST', body, headers: { 'x-pingr-signature': sign(body), 'content-type': 'application/json' },
        });
        assert.equal(answer.status, 200);
      }
    });
  });
}

test('Fastify\'s own parser goes on parsing', async (t) => {
  const { port, close } = await frameworks['Fastify 5']({ secret, onEvent: () => null });
  t.after(close);
  const answer = await fetch(`http://127.0.0.1:${port}/json`, { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } });
  assert.deepEqual(await answer.json(), { parsed: { a: 1 } });
});

test('behind something that read the body, Hono is told what to do', async () => {
  const app = new Hono();
  let said;
  app.use(async (c, next) => {
    await c.req.json();
    await next();
  });
  app.post('/pingr', forHono({ secret, onEvent: () => 'never' }));
  app.onError((error, c) => {
    said = error;
    return c.text('no', 500);
  });
  const body = event('login');
  const answer = await app.request('/pingr', { method: 'POST', body, headers: { 'x-pingr-signature': sign(body) } });
  assert.equal(answer.status, 500);
  assert.match(said.message, /mount the webhook before the JSON parser/);
});

test('behind a JSON parser it says what to do', async (t) => {
  const app = express();
  let said;
  app.use(express.json());
  app.post('/pingr', forExpress({ secret, onEvent: () => 'never' }));
  app.use((error, _req, res, _next) => {
    said = error;
    res.status(500).end();
  });
  const { port, close } = await listening(app.listen(0, '127.0.0.1'));
  t.after(close);
  const body = event('login');
  const answer = await fetch(`http://127.0.0.1:${port}/pingr`, { method: 'POST', body, headers: { 'content-type': 'application/json', 'x-pingr-signature': sign(body) } });
  assert.equal(answer.status, 500);
  assert.match(said.message, /mount the webhook before the JSON parser/);

  const request = new Request('http://x/', { method: 'POST', body, headers: { 'x-pingr-signature': sign(body) } });
  await request.json();
  await assert.rejects(fetchWebhook({ secret, onEvent: () => 'never' })(request), { code: 'body_parsed' });
});
