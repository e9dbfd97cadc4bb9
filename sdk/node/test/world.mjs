// The real server, a loopback WhatsApp with phones, and an endpoint: nothing here is a mock.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Pingr } from 'hey-pingr';

const repository = fileURLToPath(new URL('../../..', import.meta.url));
const password = 'correct horse';

/** Waits for a condition, and returns what it gave. */
export async function until(holds, what, ms = 20_000) {
  for (const end = Date.now() + ms; ;) {
    const got = await holds();
    if (got) return got;
    assert.ok(Date.now() < end, `waited for ${what}`);
    await new Promise((resolve) => { setTimeout(resolve, 20); });
  }
}

async function firstLine(child) {
  const [line] = await once(createInterface(child.stdout), 'line');
  return line;
}

/** Starts the loopback WhatsApp and `pingr serve`; they end with the test. */
export async function startWorld(t) {
  const dir = mkdtempSync(join(tmpdir(), 'hey-pingr-world-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  let binaries = process.env.PINGR_TEST_BINARIES;
  if (!binaries) {
    binaries = dir;
    for (const path of ['./cmd/pingr', './cmd/whatsapptest']) execFileSync('go', ['build', '-o', dir, path], { cwd: repository });
  }
  const network = spawn(join(binaries, 'whatsapptest'), ['--listen', '127.0.0.1:0', '--control', '127.0.0.1:0', '--json', '--until-eof'], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(async () => {
    network.stdin.end();
    await once(network, 'exit');
  });
  const { env, control } = JSON.parse(await firstLine(network));
  const data = join(dir, 'data');
  const server = spawn(join(binaries, 'pingr'), ['serve', '--data', data, '--listen', '127.0.0.1:0'],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'ignore'] });
  t.after(async () => {
    server.kill();
    await once(server, 'exit');
  });
  const baseUrl = (await firstLine(server)).replace('listening on ', '');
  const pingr = (args, input = '') => execFileSync(join(binaries, 'pingr'), [...args, '--data', data],
    { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] }).trim();

  const asked = [];
  const recording = (url, init) => {
    asked.push(`${init.method} ${new URL(url).pathname}`);
    return fetch(url, init);
  };

  /** Makes an account with its keys. */
  const customer = (email) => {
    pingr(['account', 'create', '--email', email], `${password}\n`);
    const [live, test] = ['live', 'test'].map((mode) => pingr(['key', 'create', '--account', email, '--mode', mode]));
    return {
      email, live, test,
      client: (key = live, options = {}) => new Pingr(key, { baseUrl, fetch: recording, ...options }),
      login: (options = {}) => Pingr.login({ email, password }, { baseUrl, fetch: recording, ...options }),
    };
  };

  /** Does something with a phone. */
  const phone = async (method, path = '', body) => {
    const answer = await fetch(`${control}/phones${path}`, { method, ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}) });
    const said = await answer.text();
    assert.ok(answer.ok, said);
    return said === '' ? null : JSON.parse(said);
  };
  return { baseUrl, customer, phone, asked, fetch: recording };
}

/** Where webhooks go: keeps them, and answers. */
export async function startEndpoint(t) {
  const endpoint = { reply: '', status: 200, got: [] };
  const server = createServer(async (req, res) => {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    endpoint.got.push({ body: Buffer.concat(chunks), signature: req.headers['x-pingr-signature'] });
    res.writeHead(endpoint.status, { 'content-type': 'application/json' }).end(JSON.stringify({ reply: endpoint.reply }));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  endpoint.url = `http://127.0.0.1:${server.address().port}/webhook`;
  return endpoint;
}
