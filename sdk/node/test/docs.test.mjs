// docs/node.md, followed by somebody with an empty directory, a server and a phone.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startWorld, until } from './world.mjs';

const sdk = fileURLToPath(new URL('..', import.meta.url));
const page = readFileSync(new URL('../../../docs/node.md', import.meta.url), 'utf8');

const blocks = (language) => [...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, text]) => text);

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

test('attackers do not get in', async () => {
  const { stdout } = await promisify(execFile)('go', ['test', '-count=1', '-v', '-run', 'TestDocsNodeProgramHolds', './internal/seclab'], {
    cwd: join(sdk, '../..'), env: { ...process.env, PINGR_TEST_NODE: sdk }, encoding: 'utf8',
  });
  assert.ok(stdout.match(/--- PASS: TestDocsNodeProgramHolds\//g).length > 10, stdout);
});

test('the dashboard\'s snippet answers logins, each delivery once', async () => {
  const { stdout } = await promisify(execFile)('go', ['test', '-count=1', '-v', '-run', 'TestSnippetInNode', './server/dashboard'], {
    cwd: join(sdk, '../..'), env: { ...process.env, PINGR_TEST_NODE: sdk }, encoding: 'utf8',
  });
  assert.match(stdout, /--- PASS: TestSnippetInNode/);
});

test('docs/node.md leads to a login', async (t) => {
  const [server, connect, tests, codes, rest, ...more] = blocks('js');
  const [, run, check, ...others] = blocks('sh'); // the first one installs
  assert.deepEqual([more, others], [[], []], 'every block is run');
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'docs-node-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, 'node_modules'));
  symlinkSync(sdk, join(dir, 'node_modules', 'hey-pingr'));
  symlinkSync(join(sdk, 'node_modules', 'express'), join(dir, 'node_modules', 'express'));
  const files = { 'server.mjs': server, 'connect.mjs': connect, 'server.test.mjs': tests, 'codes.mjs': codes, 'rest.mjs': rest };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text.replaceAll('127.0.0.1:8090', `127.0.0.1:${port}`));

  const world = await startWorld(t);
  const anna = world.customer('anna@example.com');
  const shop = await world.phone('POST');
  const asha = await world.phone('POST');
  const client = anna.client();
  await client.sessions.create({ id: 'shop', name: 'Shop' });
  const { qr } = await until(() => client.sessions.qr('shop').catch(() => null), 'a QR code');
  await world.phone('POST', `/${shop.number}/scan`, { qr });
  await until(async () => (await client.sessions.get('shop')).status === 'connected', 'the link');
  const { secret } = await (await anna.login()).webhooks.get();
  const env = { ...process.env, SECRET: secret, KEY: anna.live, PINGR_SERVER: world.baseUrl };
  const script = (text) => promisify(execFile)('bash', ['-euc', text], { cwd: dir, env, encoding: 'utf8' });

  const shell = spawn('bash', ['-euc', `${run}wait`], { cwd: dir, env, stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  t.after(() => process.kill(-shell.pid));
  let said = '';
  shell.stdout.on('data', (chunk) => { said += chunk; });
  await until(() => said.includes('listening on') && said.includes(`Write login to +${shop.number}`), 'both programs');

  const again = await script(`PINGR_API_KEY=$KEY node connect.mjs`);
  assert.equal(again.stdout, `Write login to +${shop.number}\n`, 'it may run twice');
  assert.equal((await client.triggers.list()).length, 1);

  await world.phone('POST', `/${asha.number}/messages`, { to: shop.number, text: 'Login' });
  const { text } = await until(async () => (await world.phone('GET', `/${asha.number}/messages`)).messages[0], 'the answer');
  const [link] = /http:\S+/.exec(text);
  assert.match(await (await fetch(link)).text(), new RegExp(`Log in as \\+${asha.number}\\?`));
  const origin = new URL(link).origin;
  assert.equal((await fetch(link, { method: 'POST', redirect: 'manual', headers: { origin: 'https://evil.example' } })).status, 403);
  const logged = await fetch(link, { method: 'POST', redirect: 'manual', headers: { origin } });
  assert.equal(logged.status, 303);
  const cookie = logged.headers.get('set-cookie').split(';')[0];
  assert.deepEqual(await (await fetch(`${origin}/me`, { headers: { cookie } })).json(), { phone: asha.number });
  assert.equal((await fetch(link, { method: 'POST', headers: { origin } })).status, 410, 'good once');
  assert.equal((await fetch(`${origin}/logout`, { method: 'POST', headers: { origin, cookie } })).status, 204);
  assert.equal((await fetch(`${origin}/me`, { headers: { cookie } })).status, 401);

  await script(check);
  const { stdout } = await script('node codes.mjs');
  assert.equal(stdout, codes.split('// Output:\n')[1].replaceAll('// ', ''));
  await assert.rejects(script(`PINGR_API_KEY=${anna.test} node rest.mjs`), (e) => {
    assert.match(e.stderr, /TimeoutError/);
    return true;
  });
});

test('the program in TypeScript compiles under strict', async (t) => {
  const [program, ...others] = blocks('ts');
  assert.deepEqual(others, []);
  const dir = mkdtempSync(join(sdk, '.docs-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  writeFileSync(join(dir, 'webhook.ts'), program);
  const check = () => promisify(execFile)(process.execPath, [
    join(sdk, 'node_modules/typescript/bin/tsc'), '--noEmit', '--strict', '--noUncheckedIndexedAccess', '--target', 'es2022',
    '--module', 'nodenext', '--moduleResolution', 'nodenext', '--types', 'node', '--ignoreConfig', join(dir, 'webhook.ts'),
  ], { cwd: sdk, encoding: 'utf8' });
  await check();
  writeFileSync(join(dir, 'webhook.ts'), program.replace("event.event !== 'message.received' || ", ''));
  await assert.rejects(check(), (e) => /TS2339/.test(e.stdout), 'a disconnected session has no message');
});
