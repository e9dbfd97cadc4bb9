// Webhooks received in the real frameworks, by real requests.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
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
import { SeenInMemory } from 'hey-pingr';
import { pingrWebhook as forExpress } from 'hey-pingr/express';
import { pingrWebhook as forFastify } from 'hey-pingr/fastify';
import { fetchWebhook, pingrWebhook as forHono } from 'hey-pingr/hono';
import { verifyWebhook } from 'hey-pingr';

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
  { name: 'the webhook\'s own JSON', body: event('object'), status: 200, says: '{"reply":"in an object"}' },
  { name: 'an object without a reply', body: event('empty object'), status: 200, says: '{}' },
  { name: 'another object', body: event('mistake'), status: 500, says: 'not handled; try again later' },
  { name: 'characters of every plane', body: event('Zoë 🎉 \u2028 登录'), status: 200, says: '{"reply":"You wrote Zoë 🎉 \u2028 登录"}' },
  { name: 'white space that a parser would drop', body: ` ${event('login')}\n`, status: 200, says: '{"reply":"You wrote login"}' },
  { name: 'another charset\'s name', body: event('login'), type: 'application/json; charset=iso-8859-1', status: 200, says: '{"reply":"You wrote login"}' },
  { name: 'no content type', body: event('login'), type: '', status: 200, says: '{"reply":"You wrote login"}' },
  { name: 'the old secret', body: event('login'), key: 'whsec_b2xk', status: 200, says: '{"reply":"You wrote login"}' },
  { name: 'another\'s secret', body: event('login'), key: 'whsec_x', status: 401, says: /does not match/ },
  { name: 'no signature', body: event('login'), signature: '', status: 401, says: /x-pingr-signature is missing/ },
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
        const objects = { 'object': { reply: 'in an object' }, 'empty object': {}, 'mistake': { text: 'hello' } };
        if (e.message.text in objects) return objects[e.message.text];
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

for (const [framework, start] of Object.entries(frameworks)) {
  test(`${framework} takes each delivery once, when it is told to`, async (t) => {
    let told = 0;
    const { port, close } = await start({
      secret: [secret, 'whsec_b2xk'], seen: new SeenInMemory(), onEvent: () => `link ${told += 1}`, onError: () => {},
    });
    t.after(close);
    const at = Date.now();
    const [first, next] = [event('login', at), event('login', at + 1)];
    const post = async (body, key, headers = {}) => {
      const answer = await fetch(`http://127.0.0.1:${port}/pingr`, {
        method: 'POST', body, headers: { 'x-pingr-signature': sign(body, key), 'content-type': 'application/json', ...headers },
      });
      return `${answer.status} ${await answer.text()}`;
    };
    const replay = /^409 this delivery was received before/;
    const all = await Promise.all(Array.from({ length: 20 }, () => post(first, 'whsec_b2xk')));
    assert.equal(all.filter((said) => said === '200 {"reply":"link 1"}').length, 1, 'of many at once one is answered');
    assert.equal(all.filter((said) => replay.test(said)).length, 19);
    assert.match(await post(first, secret), replay, 'whichever secret signs the same bytes');
    assert.match(await post(first, 'whsec_b2xk', { 'webhook-id': 'evt_2', 'x-pingr-attempt': '2', 'webhook-signature': 'v1,x' }), replay);
    assert.match(await post(first, '', { 'x-pingr-signature': sign(first).toUpperCase() }), /^401 /);
    assert.equal(await post(next, secret), '200 {"reply":"link 2"}', 'Pingr\'s next attempt is signed again');
  });
}

test('what is seen is a key that every language computes, remembered longer than it verifies', async (t) => {
  const asked = [];
  let fails = false;
  const seen = {
    add: async (key, lifeMs) => {
      if (fails) throw new Error('Redis is down');
      return asked.push([key, lifeMs]) === 1;
    },
  };
  const { port, close } = await frameworks['node:http']({ secret, seen, onEvent: () => 'hi', onError: () => {} });
  t.after(close);
  const body = event('login');
  const post = (key) => fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body, headers: { 'x-pingr-signature': sign(body, key) } });
  assert.equal((await post('whsec_guessed')).status, 401);
  assert.deepEqual(asked, [], 'what is not signed is not remembered');
  assert.equal((await post(secret)).status, 200);
  assert.deepEqual(asked, [[createHash('sha256').update(body).digest('hex'), 15 * 60_000]]);
  fails = true;
  assert.equal((await post(secret)).status, 500, 'then Pingr tries again');
});

test('SeenInMemory holds a key to its end, and is bounded', (t) => {
  t.mock.timers.enable({ apis: ['Date'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const seen = new SeenInMemory();
  assert.deepEqual([seen.add('a', 1000), seen.add('a', 9000), seen.add('b', 500)], [true, false, true]);
  now = 999;
  t.mock.timers.setTime(3_600_000); // a clock that is set changes nothing
  assert.equal(seen.add('a', 1000), false);
  assert.equal(seen.add('b', 1000), true, 'it ended, though an older key did not');
  now = 1000;
  assert.equal(seen.add('a', 1000), true);
  now = 10_000;
  for (let i = 0; i < 100_000; i++) seen.add(`${i}`, 1000);
  assert.throws(() => seen.add('one more', 1000), /store of your own/);
  assert.equal(seen.add('7', 1000), false, 'it still knows what it holds');
  now = 11_000;
  assert.equal(seen.add('one more', 1000), true);
});

test('Fastify\'s own parser goes on parsing', async (t) => {
  const { port, close } = await frameworks['Fastify 5']({ secret, onEvent: () => null });
  t.after(close);
  const answer = await fetch(`http://127.0.0.1:${port}/json`, { method: 'POST', body: '{"a":1}', headers: { 'content-type': 'application/json' } });
  assert.deepEqual(await answer.json(), { parsed: { a: 1 } });
});

test('behind something that took the body, Hono is told what to do', async () => {
  const app = new Hono();
  let said;
  app.use(async (c, next) => {
    await c.req.raw.json();
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

test('a body that another parser left as it came is what was signed', async (t) => {
  const body = event('login ä 🙏');
  const options = { secret, onEvent: (e) => e.message.text };
  const headers = { 'content-type': 'application/json', 'x-pingr-signature': sign(body) };
  for (const [name, parser] of [
    ['express.text', express.text({ type: 'application/json' })],
    ['express.raw', express.raw({ type: 'application/json' })],
    ['a verify hook that keeps a string', express.json({ verify: (req, _res, raw) => { req.rawBody = raw.toString('utf8'); } })],
    ['a verify hook that keeps bytes', express.json({ verify: (req, _res, raw) => { req.rawBody = raw; } })],
  ]) {
    await t.test(name, async (t) => {
      const app = express().use(parser);
      app.post('/pingr', forExpress(options));
      const { port, close } = await listening(app.listen(0, '127.0.0.1'));
      t.after(close);
      const answer = await fetch(`http://127.0.0.1:${port}/pingr`, { method: 'POST', body, headers });
      assert.deepEqual(await answer.json(), { reply: 'login ä 🙏' });
    });
  }
  for (const read of ['text', 'json', 'arrayBuffer']) {
    await t.test(`Hono behind ${read}()`, async () => {
      const app = new Hono();
      app.use(async (c, next) => {
        await c.req[read]();
        await next();
      });
      app.post('/pingr', forHono(options));
      assert.deepEqual(await (await app.request('/pingr', { method: 'POST', body, headers })).json(), { reply: 'login ä 🙏' });
    });
  }
});

test('without a secret, setting up says so', async () => {
  for (const none of [undefined, '', [], [''], [undefined]]) {
    const options = { secret: none, onEvent: () => null };
    const refusal = { name: 'PingrError', code: 'no_secret', message: /the dashboard shows it/ };
    for (const adapter of [forExpress, forHono, fetchWebhook]) assert.throws(() => adapter(options), refusal);
    await assert.rejects(async () => { await frameworks['Fastify 5'](options); }, refusal);
  }
  assert.throws(() => verifyWebhook('{}', `sha256=${'0'.repeat(64)}`, undefined), { name: 'PingrWebhookError', message: /no secret is given/ });
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
