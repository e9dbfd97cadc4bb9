// The snippets of the product's documentation, each to the byte in a program of
// its own: compiled as strict TypeScript, then run against the real server.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startWorld, until } from './world.mjs';

const sdk = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(new URL('../../../testdata/documentation.md', import.meta.url), 'utf8');
const snippets = new Map([...page.matchAll(/^## ([^\n]*)\n\n```js\n(.*?)\n```$/gms)].map(([, title, text]) => [title, text]));

// What a snippet leaves to the reader, whose function has to take a hidden number too: null, if the account
// lets such people in.
const imports = `import express from 'express';
import { createChallengeCode, extractChallengeCode, verifyWebhook } from 'hey-pingr';

const app = express();
const generateMagicLink = async (phone: string | null): Promise<string> => 'https://shop.example/in/' + phone;
void [createChallengeCode, extractChallengeCode, verifyWebhook, generateMagicLink];
`;
const sessions = `
app.use((req, _res, next) => { req.session = { id: 'browser-1' }; next(); });
const pending = {};
`;
const redis = `
const kept = new Map<string, string>();
const redis = {
  set: async (key: string, value: string, ..._expiry: unknown[]) => kept.set(key, value),
  get: async (key: string) => kept.get(key),
  del: async (key: string) => kept.delete(key),
};
`;
const listens = `
const server = app.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address && typeof address === 'object') console.log('http://127.0.0.1:' + address.port);
});
`;

const link = (phone) => `https://shop.example/in/${phone}`;
const told = 'One moment.';
// What each one makes of a text: before it, the customer's browser may ask for a code.
const stories = {
  'Quick start: handling webhook events': { reply: () => told, forged: 400 },
  'Webhooks: verifying signatures': { reply: () => told, forged: 400, prints: 'message.received shop' },
  'Node.js SDK: verify webhooks': { reply: () => told, forged: 500, prints: 'message.received' },
  // Loose: Express's own types refuse req.query.code as a key, and an object without a type has none.
  'Node.js SDK: challenge code helpers': { loose: true, before: sessions, code: true, reply: (phone) => `Here's your link: ${link(phone)}`, forged: 500 },
  'Dynamic reply: magic link auth': { reply: (phone) => `Tap to sign in: ${link(phone)}`, forged: 500 },
  'Pattern 1: mobile-first': { reply: (phone) => `Your login link: ${link(phone)}`, forged: 500 },
  'Pattern 2: phone pre-entry and browser polling': { before: redis, byPhone: true, reply: (phone) => `Tap to sign in: ${link(phone)}`, forged: 500 },
  'Pattern 3: desktop challenge code': { loose: true, code: true, reply: (phone) => `Here's your login link: ${link(phone)}`, forged: 500 },
};

function compile(dir, name, title, story) {
  const file = join(dir, `${name}.mts`);
  writeFileSync(file, `${story.loose ? '// @ts-nocheck\n' : ''}${imports}${story.before ?? ''}\n${snippets.get(title)}\n${listens}`);
  const tsc = join(sdk, 'node_modules', 'typescript', 'bin', 'tsc');
  try {
    execFileSync(process.execPath, [tsc, '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node', file],
      { cwd: dir, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    assert.fail(`${title}: ${error.stdout}`);
  }
  return join(dir, `${name}.mjs`);
}

async function run(t, program, secret) {
  const child = spawn(process.execPath, [program], { env: { ...process.env, PINGR_WEBHOOK_SECRET: secret }, stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(async () => {
    child.kill();
    if (child.exitCode === null) await once(child, 'exit');
  });
  const lines = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const url = await until(() => lines[0], 'the program');
  return { url, lines };
}

test('every snippet of the documentation is a story here', () => {
  assert.deepEqual([...snippets.keys()], Object.keys(stories));
});

test('the documentation\'s snippets work as they stand', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'documentation-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, 'package.json'), '{"private":true,"type":"module"}');
  mkdirSync(join(dir, 'node_modules'));
  symlinkSync(sdk, join(dir, 'node_modules', 'hey-pingr'));
  for (const name of ['express', '@types']) symlinkSync(join(sdk, 'node_modules', name), join(dir, 'node_modules', name));

  const world = await startWorld(t);
  const anna = world.customer('anna@example.com');
  const shop = await world.phone('POST');
  const client = anna.client();
  await client.sessions.create({ id: 'shop', name: 'Shop' });
  const { qr } = await until(() => client.sessions.qr('shop').catch(() => null), 'a QR code');
  await world.phone('POST', `/${shop.number}/scan`, { qr });
  await until(async () => (await client.sessions.get('shop')).status === 'connected', 'the link');
  await client.triggers.create({ sessionId: 'shop', triggerPhrase: 'login', replyMessage: told });

  for (const [n, [title, story]] of Object.entries(stories).entries()) {
    await t.test(title, async (t) => {
      const asha = await world.phone('POST');
      await client.webhooks.set({ url: 'https://shop.example/' }); // makes the secret
      const { secret } = await (await anna.login()).webhooks.get();
      const { url, lines } = await run(t, compile(dir, `snippet${n}`, title, story), secret);
      await client.webhooks.set({ url: `${url}/webhook` });

      const { code } = story.code ? await (await fetch(`${url}/auth/challenge`)).json() : {};
      const poll = async (query) => (await fetch(`${url}/auth/poll?${query}`)).json();
      const query = story.byPhone ? `phone=${asha.number}` : `code=${code}`;
      if (story.code || story.byPhone) assert.deepEqual(await poll(query), { status: 'pending' });

      await world.phone('POST', `/${asha.number}/messages`, { to: shop.number, text: code ? `login ${code}` : 'Login' });
      const { text } = await until(async () => (await world.phone('GET', `/${asha.number}/messages`)).messages[0], 'the answer');
      assert.equal(text, story.reply(asha.number));
      if (story.prints) assert.deepEqual(lines.slice(1), [story.prints]);
      if (story.code || story.byPhone) assert.deepEqual(await poll(query), { status: 'ready', link: link(asha.number) });

      const forged = await fetch(`${url}/webhook`, {
        method: 'POST', body: '{"event":"message.received"}',
        headers: { 'content-type': 'application/json', 'x-pingr-signature': `sha256=${'0'.repeat(64)}` },
      });
      assert.equal(forged.status, story.forged);
    });
  }
});
