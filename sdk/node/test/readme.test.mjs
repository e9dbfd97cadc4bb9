// The README's programs, run as they stand there.
import assert from 'node:assert/strict';
import { spawn, execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const [server, page] = [...readme.matchAll(/```js\n(.*?)```/gs)].map((match) => match[1]);
const secret = 'whsec_c2VjcmV0';

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

// The README's server says nothing when it listens.
async function post(port, body, signature) {
  for (let tries = 0; ; tries++) {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/webhook`, { method: 'POST', body, headers: { 'x-pingr-signature': signature } });
      return { status: answer.status, body: await answer.text() };
    } catch (err) {
      if (err.cause?.code !== 'ECONNREFUSED' || tries > 200) throw err;
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  }
}

test('the webhook server', async (t) => {
  const port = await freePort();
  const child = spawn(process.execPath, ['--input-type=module', '-e', server],
    { cwd: here, env: { ...process.env, PORT: String(port), PINGR_WEBHOOK_SECRET: secret } });
  t.after(() => child.kill());
  let said = '';
  child.stderr.on('data', (chunk) => { said += chunk; });

  const body = JSON.stringify({
    event: 'message.received', session_id: 's', from: { phone: '919876543210' }, message: { text: 'Login x4k9mq' }, timestamp: Date.now(),
  });
  const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
  assert.deepEqual(await post(port, body, signature), { status: 200, body: '{"reply":"Code X4K9MQ came from +919876543210."}' });
  assert.deepEqual(await post(port, `${body} `, signature), { status: 400, body: '' });
  while (said === '') await once(child.stderr, 'data'); // it may come after the answer
  assert.match(said, /^the signature does not match/);

  // A body that breaks off, and one without end, harm nobody.
  const stranger = connect(port, '127.0.0.1');
  stranger.write('POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 100\r\n\r\n');
  await once(stranger, 'data');
  stranger.destroy();
  while (!said.includes('aborted')) await once(child.stderr, 'data');
  await post(port, 'x'.repeat(1_100_000), signature).catch(() => undefined); // closed while it is sent, or answered
  while (!said.includes('too long')) await once(child.stderr, 'data');
  assert.equal((await post(port, body, signature)).status, 200);
});

test('the login page', () => {
  const link = execFileSync(process.execPath, ['--input-type=module', '-e', page], { cwd: here, encoding: 'utf8' });
  assert.match(link, /^https:\/\/wa\.me\/919876543210\?text=login%20[A-HJ-NP-Z2-9]{8}\n$/);
});
