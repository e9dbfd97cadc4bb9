// Every route of the REST API, asked of the real server.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { getEventListeners, once } from 'node:events';
import { test } from 'node:test';
import { inspect } from 'node:util';
import {
  Pingr, PingrAuthError, PingrError, PingrRateLimitError, PingrValidationError, verifyWebhook,
} from 'hey-pingr';
import { compileAgainst, routesOf } from './document.mjs';
import { startEndpoint, startWorld, until } from './world.mjs';

const nobody = 'pk_live_xK9p2mQr8nVs4wLj7dFhTbYcXeAuZo';

async function collect(items) {
  const all = [];
  for await (const item of items) all.push(item);
  return all;
}

test('the REST API of the real server', async (t) => {
  const world = await startWorld(t);
  const anna = world.customer('anna@example.com');
  const ben = world.customer('ben@example.com');
  const client = anna.client();
  const endpoint = await startEndpoint(t);
  const seen = new Set();
  const counted = anna.client(anna.live, {
    fetch: (url, init) => {
      seen.add(`${init.method} ${new URL(url).pathname}`);
      return fetch(url, init);
    },
  });

  await t.test('link a number by QR code, be texted, hear of it', async () => {
    const shop = await world.phone('POST');
    const asha = await world.phone('POST');
    await client.webhooks.set({ url: endpoint.url });
    endpoint.reply = 'Tap https://example.com/in';
    const stop = new AbortController();
    const heard = [];
    const listening = (async () => {
      for await (const e of client.events.listen({ signal: stop.signal })) heard.push(e);
    })().catch((e) => { if (e.name !== 'AbortError') throw e; });

    assert.ok(['connecting', 'pairing'].includes((await client.sessions.create({ id: 'shop', name: 'Shop' })).status));
    const shown = await until(() => client.sessions.qr('shop').catch(() => null), 'a QR code');
    assert.deepEqual([...(await client.sessions.qrPNG('shop')).slice(1, 4)], [...Buffer.from('PNG')]);
    await world.phone('POST', `/${shop.number}/scan`, { qr: shown.qr });
    await until(async () => (await client.sessions.get('shop')).status === 'connected', 'the link');
    assert.equal((await client.sessions.get('shop')).number, `+${shop.number}`);
    await assert.rejects(client.sessions.qr('shop'), { code: 'conflict', status: 409 });

    await client.triggers.create({ sessionId: 'shop', triggerPhrase: 'login', replyMessage: 'static' });
    await world.phone('POST', `/${asha.number}/messages`, { to: shop.number, text: 'Login x4k9mq' });
    const texts = () => world.phone('GET', `/${asha.number}/messages`).then((answer) => answer.messages);
    assert.equal((await until(async () => (await texts())[0], 'the reply')).text, endpoint.reply);
    const login = await anna.login();
    const [{ body, signature }] = endpoint.got;
    const event = verifyWebhook(body, signature, (await login.webhooks.get()).secret);
    assert.equal(event.from.phone, asha.number);
    assert.equal(client.verifyWebhook(body, signature, (await login.webhooks.get()).secret).id, event.id);
    await until(async () => (await client.sessions.get('shop')).messagesToday === 1, 'the count');

    await client.settings.update({ cooldownSeconds: 0 });
    assert.equal((await client.messages.send({ to: `+${asha.number}`, message: 'Your parcel is here' })).session_id, 'shop');
    await until(async () => (await texts()).length === 2, 'what was sent');
    assert.deepEqual(await client.numbers.resolve({ phone: `00 ${asha.number}` }), { on_whatsapp: true, phone: asha.number });
    assert.deepEqual(await client.numbers.resolve({ phone: '15550109999', sessionId: 'shop' }), { on_whatsapp: false, phone: '15550109999' });
    await assert.rejects(client.messages.send({ to: '15550109999', message: 'hi' }), { status: 422, message: 'to: is not on WhatsApp' });
    endpoint.status = 500;
    await world.phone('POST', `/${asha.number}/messages`, { to: shop.number, text: 'login' });
    const failures = () => client.webhooks.deliveries({ eventType: 'webhook.failed' }).then((page) => page.deliveries[0]);
    const failed = await until(failures, 'a failure');
    endpoint.status = 200;
    assert.equal(await client.webhooks.redeliver(failed.id), failed.event_id);
    await until(async () => (await client.webhooks.deliveries({ eventType: 'webhook.delivered' })).count === 2, 'what was sent again');

    await until(() => heard.some((e) => e.event === 'firing') && heard.some((e) => e.event === 'session'), 'the stream');
    stop.abort();
    await listening;
    assert.equal((await client.sessions.reconnect('shop')).id, 'shop');
    assert.equal((await client.sessions.rename('shop', 'The shop')).name, 'The shop');
    assert.deepEqual((await client.sessions.list()).map((s) => s.name), ['The shop']);
    await client.sessions.delete('shop');
    assert.deepEqual(await client.sessions.list(), []);

    const office = await world.phone('POST');
    const { id } = await client.sessions.create({ name: 'Office' });
    await until(() => client.sessions.qr(id).catch(() => null), 'a QR code');
    const code = await client.sessions.pairCode(id, `+${office.number}`);
    await world.phone('POST', `/${office.number}/code`, { code });
    await until(async () => (await client.sessions.get(id)).status === 'connected', 'the link');
  });

  await t.test('triggers and what they match, in test mode', async () => {
    const tests = anna.client(anna.test);
    const made = await tests.triggers.create({ sessionId: 'sess_test', triggerPhrase: 'Login', replyMessage: 'Hi {{phone}}', isActive: false });
    assert.equal(made.trigger_phrase, 'login');
    assert.deepEqual(await tests.triggers.get(made.id), made);
    assert.equal((await tests.triggers.match({ sessionId: 'sess_test', text: 'login x4' })).others[0].because, 'inactive');
    assert.equal((await tests.triggers.update(made.id, { isActive: true })).reply_message, 'Hi {{phone}}');
    assert.equal((await tests.triggers.match({ sessionId: 'sess_test', text: 'LOGIN x4' })).fires.id, made.id);
    assert.deepEqual((await tests.triggers.list({ sessionId: 'sess_test' })).map((x) => x.id), [made.id]);
    await assert.rejects(tests.triggers.create({ sessionId: 'sess_test', triggerPhrase: 'login', replyMessage: 'x' }), { code: 'conflict' });
    await tests.triggers.delete(made.id);
    assert.deepEqual(await tests.triggers.list(), []);
    assert.deepEqual(await (await anna.login({ mode: 'test' })).triggers.list(), []);
  });

  await t.test('sends, and the same again', async () => {
    const tests = ben.client(ben.test);
    const asked = { to: '+91 98765 43210', message: 'Your order is ready.', idempotencyKey: 'order-1' };
    const sent = await tests.messages.send(asked);
    assert.deepEqual({ ...sent, message_id: '' }, { success: true, message_id: '', to: '919876543210', session_id: 'sess_test', rate_limit_remaining: sent.rate_limit_remaining });
    assert.deepEqual(await tests.messages.send(asked), sent, 'the same key sends nothing more');
    await assert.rejects(tests.messages.send({ to: '919876543210', message: 'again' }), (e) => {
      assert.ok(e instanceof PingrRateLimitError && e instanceof PingrError);
      assert.equal(e.code, 'rate_limit');
      assert.match(e.message, /^Number \+919876543210 is in cooldown\. Try again in \d+s\.$/);
      assert.ok(e.retryAfter > 50 && e.retryAfter <= 60, `${e.retryAfter}`);
      assert.match(e.requestId, /^req_/);
      return true;
    });
    assert.deepEqual(await tests.numbers.resolve({ phone: '+55 31 98765-4321' }), { on_whatsapp: true, phone: '5531987654321' });
    await assert.rejects(tests.numbers.resolve({ phone: 'call me' }), PingrValidationError);
    await assert.rejects(tests.messages.send({ to: '12', message: 'x' }), PingrValidationError);
    await assert.rejects(tests.messages.send({ to: '919876543210', message: 'x', idempotencyKey: 'a b' }), PingrValidationError);
    await assert.rejects(tests.messages.send({ to: '919876543210', message: 'x', sessionId: 'none' }), { status: 404, code: 'not_found' });
  });

  await t.test('a refused request is made again when asked to, after as long as it says', async () => {
    const tests = ben.client(ben.test, { maxRetries: 1 });
    await tests.settings.update({ cooldownSeconds: 1 });
    const began = Date.now();
    await tests.messages.send({ to: '4915112345678', message: 'one' });
    await tests.messages.send({ to: '4915112345678', message: 'two' });
    assert.ok(Date.now() - began >= 900);
    await tests.settings.update({ cooldownSeconds: 3600 });
    await tests.messages.send({ to: '4915112345670', message: 'three' });
    await assert.rejects(tests.messages.send({ to: '4915112345670', message: 'again' }), PingrRateLimitError, 'an hour is too long');
    const stop = AbortSignal.timeout(50);
    await tests.settings.update({ cooldownSeconds: 30 });
    await tests.messages.send({ to: '4915112345679', message: 'four' });
    await assert.rejects(tests.messages.send({ to: '4915112345679', message: 'five' }, { signal: stop }), { name: 'TimeoutError' });
  });

  await t.test('webhooks, simulation, deliveries page by page', async () => {
    const login = await ben.login();
    await login.webhooks.set({ url: endpoint.url, events: ['message.received'] });
    assert.deepEqual((await ben.client().webhooks.get()).events, ['message.received']);
    endpoint.reply = 'hello';
    const one = { phone: '919876543210', message: 'login', sessionId: 'sess_test' };
    const tests = await ben.login({ mode: 'test' });
    await tests.webhooks.set({ url: endpoint.url });
    for (let i = 0; i < 7; i++) {
      const { delivered, status_code: status, dynamic_reply: reply } = await tests.webhooks.simulate(one);
      assert.deepEqual({ delivered, status, reply }, { delivered: true, status: 200, reply: 'hello' });
    }
    await until(async () => (await tests.webhooks.deliveries()).count === 7, 'the log');
    const all = await collect(tests.webhooks.allDeliveries({ limit: 3 }));
    assert.equal(new Set(all.map((d) => d.id)).size, 7);
    assert.deepEqual((await tests.webhooks.deliveries({ before: new Date(0) })).deliveries, []);
    const { secret, signs_from: from } = await login.webhooks.rotateSecret({ overlapSeconds: 60 });
    assert.match(secret, /^whsec_/);
    assert.ok(new Date(from) > new Date());
    await assert.rejects(ben.client().webhooks.simulate(one), { status: 403 });
  });

  await t.test('settings, usage, stats', async () => {
    const changed = await client.settings.update({
      cooldownSeconds: 5, noPhoneReply: 'Please write from a number.', groupReply: 'off', maxMessageAgeSeconds: 60, disconnectGraceSeconds: 5, overage: 'allow', timeZone: 'Europe/Berlin',
    });
    assert.deepEqual(await client.settings.get(), changed);
    assert.equal((await client.settings.update({ noPhoneReply: null })).no_phone_reply, null);
    const asks = await client.settings.update({ hiddenNumbers: 'ask', numberQuestion: 'Your number?' });
    assert.deepEqual([asks.hidden_numbers, asks.number_question], ['ask', 'Your number?']);
    assert.equal((await client.settings.update({ numberQuestion: null })).number_question, null);
    assert.equal((await client.usage.get()).used, 3);
    const stats = await client.stats.get({ range: '24h', timeZone: 'Asia/Kolkata' });
    assert.equal(stats.steps.length, 24);
    assert.equal(stats.total.firings.dynamic, 1);
  });

  await t.test('keys and logins', async () => {
    const login = await anna.login();
    assert.equal((await login.auth.me()).email, anna.email);
    const key = await login.keys.create({ mode: 'test', name: 'CI' });
    assert.ok((await login.keys.list()).some((k) => k.id === key.id && k.key !== key.key));
    assert.equal((await anna.client(key.key).usage.get()).plan, 'unlimited');
    await login.keys.revoke(key.id);
    await assert.rejects(anna.client(key.key).usage.get(), PingrAuthError);
    assert.equal((await new Pingr(null, { baseUrl: world.baseUrl, token: login.token }).auth.me()).email, anna.email);
    await assert.rejects(login.auth.changePassword({ current: 'wrong horse', next: 'correct horse' }), { status: 403 });
    const { token } = await login.auth.changePassword({ current: 'correct horse', next: 'correct horse' });
    await assert.rejects(login.auth.me(), PingrAuthError);
    const again = new Pingr(null, { baseUrl: world.baseUrl, token, fetch: world.fetch });
    assert.equal((await again.auth.me()).email, anna.email);
    await again.auth.logout();
    await assert.rejects(again.auth.me(), PingrAuthError);
    await assert.rejects(Pingr.login({ email: anna.email, password: 'wrong' }, { baseUrl: world.baseUrl }), PingrAuthError);
    const entry = [{ email: 'eve@example.com', password: 'correct horse' }, { baseUrl: world.baseUrl, fetch: world.fetch }];
    await assert.rejects(Pingr.signUp(...entry), { status: 403 });
    await assert.rejects(Pingr.setUp({ ...entry[0], setupToken: 'A'.repeat(26) }, entry[1]), (e) => [401, 403].includes(e.status));
  });

  await t.test('nobody sees what is another\'s', async () => {
    await assert.rejects(ben.client().sessions.get('shop'), { status: 404 });
    await assert.rejects(counted.triggers.get('../keys'), { status: 404 });
    assert.deepEqual([...seen], ['GET /v1/triggers/..%2Fkeys'], 'an id stays an id');
    for (const id of ['', '.', '..', undefined]) await assert.rejects(async () => client.triggers.get(id), PingrValidationError);
  });

  await t.test('no route and no field of the server\'s document is missing', async () => {
    const document = await (await fetch(`${world.baseUrl}/openapi.json`)).json();
    const routes = routesOf(document);
    assert.ok(routes.length > 30);
    const missing = routes.filter((r) => !world.asked.some((asked) => r.pattern.test(asked)));
    // PUT means the same as PATCH.
    assert.deepEqual(missing.map((r) => r.name), ['PUT /v1/triggers/{id}']);
    compileAgainst(document);
  });

  await t.test('an invalid key', async () => {
    await assert.rejects(new Pingr(nobody, { baseUrl: world.baseUrl }).usage.get(), { name: 'PingrAuthError', code: 'auth_error', status: 401 });
  });
});

test('no error and no log shows a key', () => {
  const client = new Pingr(nobody);
  assert.doesNotMatch(inspect(client, { depth: 9, showHidden: true }), /xK9p2/);
  assert.doesNotMatch(JSON.stringify(client), /xK9p2/);
  for (const key of ['xK9p2', 'pk_live_xK9p2\nx', 'pk_live_xK9p2 ', '', undefined, null]) {
    assert.throws(() => new Pingr(key), (e) => e instanceof PingrError && !e.message.includes('xK9p2'), key);
  }
  for (const baseUrl of ['pingr.example.com', 'ftp://x', 'https://a:xK9p2@x', 'https://x?y', '']) {
    assert.throws(() => new Pingr(nobody, { baseUrl }), { code: 'invalid_base_url' }, baseUrl);
  }
});

test('the version is the package\'s', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  let agent;
  const client = new Pingr(nobody, { fetch: async (_, init) => {
    agent = init.headers['user-agent'];
    return new Response('{}');
  } });
  await client.usage.get();
  assert.equal(agent, `pingr-node/${version}`);
});

test('a stream that has died', async (t) => {
  const server = createServer((_, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write('event: firing\ndata: {"outcome":"replied"}\n\n');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const client = new Pingr(nobody, { baseUrl: `http://127.0.0.1:${server.address().port}` });
  const events = client.events.listen();
  assert.deepEqual((await events.next()).value, { event: 'firing', data: { outcome: 'replied' } });
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const next = events.next();
  await new Promise((resolve) => { setImmediate(resolve); });
  t.mock.timers.tick(41_000);
  await assert.rejects(next, { code: 'network_error', message: /silent/ });
});

test('a loop that takes its time with an event', async (t) => {
  let later;
  const server = createServer((_, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write('event: firing\ndata: {}\n\n');
    later = () => res.end('event: session\ndata: {}\n\n');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const events = new Pingr(nobody, { baseUrl: `http://127.0.0.1:${server.address().port}` }).events.listen();
  assert.equal((await events.next()).value.event, 'firing');
  t.mock.timers.tick(41_000);
  later();
  assert.equal((await events.next()).value.event, 'session');
  assert.equal((await events.next()).done, true);
});

test('a stream that breaks', async (t) => {
  const server = createServer((_, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.write('event: firing\ndata: {}\n\n', () => { setTimeout(() => res.destroy(), 50); });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const events = new Pingr(nobody, { baseUrl: `http://127.0.0.1:${server.address().port}` }).events.listen();
  assert.equal((await events.next()).value.event, 'firing');
  await assert.rejects(events.next(), (e) => e instanceof PingrError && e.code === 'network_error');
});

test('what is made again is the same request', async () => {
  const asked = [];
  const client = new Pingr(nobody, { maxRetries: 2, fetch: async (_, init) => {
    asked.push({ key: init.headers['idempotency-key'], body: init.body });
    if (asked.length < 3) return new Response('{}', { status: 429, headers: { 'retry-after': '0' } });
    return Response.json({ success: true });
  } });
  await client.messages.send({ to: '919876543210', message: 'x', idempotencyKey: 'order-1' });
  assert.deepEqual(asked, Array(3).fill({ key: 'order-1', body: '{"to":"919876543210","message":"x"}' }));
});

test('what does not say when to ask again is not asked again', async () => {
  for (const headers of [{}, { 'retry-after': '999999999' }]) {
    let asked = 0;
    const client = new Pingr(nobody, { maxRetries: 5, maxRetryWait: Infinity, fetch: async () => {
      asked++;
      return new Response('{}', { status: 429, headers });
    } });
    await assert.rejects(client.usage.get(), PingrRateLimitError);
    assert.equal(asked, 1);
  }
});

// What answers strangely, or not at all.
test('servers that are none', async (t) => {
  const answers = {
    'HTML': (res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Hello</h1>'),
    'a redirect': (res) => res.writeHead(302, { location: 'https://example.com/' }).end(),
    'an error without JSON': (res) => res.writeHead(502, { 'x-request-id': 'req_9' }).end('Bad gateway'),
    'an error in a string': (res) => res.writeHead(400).end('{"detail":"no"}'),
    'an odd Retry-After': (res) => res.writeHead(429, { 'retry-after': 'tomorrow' }).end('{}'),
    'half an answer': (res) => {
      res.writeHead(200, { 'content-length': '100' });
      res.write('{');
      setTimeout(() => res.destroy(), 10);
    },
    'silence': () => undefined,
  };
  const wants = {
    'HTML': { code: 'invalid_response', status: 200 },
    'a redirect': { code: 'unknown_error', status: 302 },
    'an error without JSON': { status: 502, requestId: 'req_9', message: 'The server answered 502' },
    'an error in a string': { status: 400, message: 'no' },
    'an odd Retry-After': { name: 'PingrRateLimitError', status: 429, retryAfter: undefined },
    'half an answer': { code: 'network_error' },
    'silence': { code: 'network_error', message: 'Network error: the server did not answer in time' },
  };
  for (const [name, answer] of Object.entries(answers)) {
    await t.test(name, async () => {
      const server = createServer((_, res) => answer(res)).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const client = new Pingr(nobody, { baseUrl: `http://127.0.0.1:${server.address().port}`, timeout: name === 'silence' ? 500 : 20_000, maxRetries: 3 });
      await assert.rejects(client.usage.get(), (e) => {
        for (const [field, value] of Object.entries(wants[name])) assert.equal(e[field], value, field);
        return e instanceof PingrError;
      });
      server.closeAllConnections();
      server.close();
    });
  }
  await t.test('nobody', async () => {
    await assert.rejects(new Pingr(nobody, { baseUrl: 'http://127.0.0.1:1' }).usage.get(), { code: 'network_error', message: /ECONNREFUSED|bad port/ });
  });
});

test("a caller's signal ends what is asked, and is let go of afterwards", async () => {
  const stop = new AbortController();
  const held = () => getEventListeners(stop.signal, 'abort').length;
  const fine = new Pingr(nobody, { fetch: async (_, { signal }) => {
    signal.throwIfAborted();
    return Response.json({ used: 1 });
  } });
  for (let i = 0; i < 3; i++) await fine.usage.get({ signal: stop.signal });
  assert.equal(held(), 0);

  const slow = new Pingr(nobody, { fetch: (_, { signal }) => new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  }) });
  const asked = [slow.usage.get({ signal: stop.signal }), slow.events.listen({ signal: stop.signal }).next()];
  assert.equal(held(), 2);
  stop.abort(new Error('enough'));
  for (const one of asked) await assert.rejects(one, /enough/);
  await assert.rejects(fine.usage.get({ signal: stop.signal }), /enough/);
});

test('a login without baseUrl says where it went', async () => {
  const who = { email: 'anna@example.com', password: 'correct horse' };
  const nowhere = async () => { throw new TypeError('fetch failed', { cause: new Error('no route') }); };
  await assert.rejects(Pingr.login(who, { fetch: nowhere }), {
    code: 'network_error', message: 'Network error: no route (https://api.heypingr.com, because no baseUrl is given)',
  });
  await assert.rejects(Pingr.login(who, { fetch: nowhere, baseUrl: 'http://127.0.0.1:1' }), { message: 'Network error: no route' });
});
