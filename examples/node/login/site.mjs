// What all flows share: pages, cookies, sessions, the webhook.
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extractChallengeCode, loginLink } from 'hey-pingr';
import { pingrWebhook } from 'hey-pingr/express';
import { parseOptions } from './options.mjs';
import { Memory, Redis } from './state.mjs';

const SESSION_LIFE = 24 * 3600 * 1000;
const EVENT_LIFE = 48 * 3600 * 1000; // longer than Pingr repeats an event
const REPEAT_LIFE = 30_000; // a browser may repeat the step that logged it in
const OPENED = 'opened'; // in place of a session while a step is open to a browser
const MAX_WEBHOOK = 1024 * 1024; // 65536 characters, of up to 12 bytes when JSON escapes them
const MAX_FORM = 4 * 1024;
const PAGES = new URL('pages/', import.meta.url);

/** Runs an example until it is interrupted. `setup` adds the flow to the site. */
export async function main(flow, setup) {
  const options = parseOptions();
  try {
    const state = options.redis ? await Redis.connect(options.redis) : new Memory();
    const site = await Site.make(options, state, flow);
    setup(site);
    const server = createServer({ requestTimeout: 10_000, headersTimeout: 5_000 }, (req, res) => site.serve(req, res));
    server.listen(options.port, options.host, () => {
      const { address, family, port } = server.address();
      const where = `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
      site.origin ||= where;
      console.log(`listening on ${where}`);
    });
    server.on('error', fail);
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.once(signal, () => {
        server.close(() => state.close());
        server.closeIdleConnections();
      });
    }
  } catch (error) {
    fail(error);
  }
}

function fail(error) {
  console.error(error.message);
  process.exit(1);
}

export class Site {
  /** Paths by method, such as `GET /poll`. A handler gets the request, its body and the response. */
  routes = new Map();
  /** Answers a message; an empty answer means no reply. */
  onMessage = async () => '';

  static async make(options, state, flow) {
    const site = Object.assign(new Site(), options, { state });
    const read = (path) => readFile(new URL(path, PAGES), 'utf8');
    const [page, script, style, confirm, gone] = await Promise.all(
      [`${flow}/page.html`, `${flow}/page.js`, 'style.css', 'confirm.html', 'gone.html'].map(read));
    site.templates = { page, confirm, gone };
    site.files = { '/page.js': ['text/javascript', script], '/style.css': ['text/css', style] };
    site.handle('GET /', (_req, res) => site.page(res, 200, 'page'));
    site.handle('GET /me', (req, res) => site.#me(req, res));
    site.handle('POST /logout', (req, res) => site.#logout(req, res));
    const seen = { add: (key, life) => state.add(`login:seen:${key}`, '1', life) }; // each delivery is taken once
    site.webhook = pingrWebhook({ secret: options.secret, seen, onEvent: (event) => site.#answer(event) });
    return site;
  }

  handle(route, handler) {
    this.routes.set(route, handler);
  }

  async serve(req, res) {
    try {
      await this.#serve(req, res);
    } catch (error) {
      console.error(error.message); // never a phone, text, code or secret
      if (!res.headersSent) res.writeHead(500).end('something went wrong; try again');
    }
  }

  async #serve(req, res) {
    const { pathname } = new URL(req.url, 'http://x');
    for (const [name, value] of Object.entries({
      'cache-control': 'no-store',
      'referrer-policy': 'same-origin', // with no-referrer, browsers send Origin: null from our own forms
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        + "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    })) res.setHeader(name, value);
    if (this.isHTTPS) res.setHeader('strict-transport-security', 'max-age=31536000');
    const method = req.method === 'HEAD' ? 'GET' : req.method;
    if (method === 'GET' && Object.hasOwn(this.files, pathname)) {
      const [type, content] = this.files[pathname];
      res.writeHead(200, { 'content-type': `${type}; charset=utf-8`, 'cache-control': 'no-cache' }).end(content);
      return;
    }
    const isWebhook = method === 'POST' && pathname === '/webhook';
    if (method === 'POST' && !isWebhook && !this.#isOurs(req)) {
      res.writeHead(403).end('this request comes from another site');
      return;
    }
    const link = /^\/in\/([^/]+)$/.exec(pathname);
    const handler = isWebhook ? this.webhook : this.routes.get(`${method} ${link ? '/in/' : pathname}`);
    if (!handler) {
      res.writeHead(404).end('not found');
      return;
    }
    const body = await readBody(req, isWebhook ? MAX_WEBHOOK : MAX_FORM);
    if (body === null) {
      res.writeHead(413, { connection: 'close' }).end('too long');
      return;
    }
    req.body = body;
    req.token = link?.[1];
    await handler(req, res);
  }

  /** Whether a POST comes from our own pages: no other page may log a browser in or out. */
  #isOurs(req) {
    const { origin, 'sec-fetch-site': site } = req.headers;
    return origin === undefined ? site === 'same-origin' : origin === this.origin;
  }

  /** Shows a page. */
  page(res, status, name, phone = '') {
    const words = { Site: this.name, Number: `+${this.number}`, Link: loginLink(this.number, 'login'), Phone: phone };
    const html = this.templates[name].replace(/\{\{\.(\w+)\}\}/g, (_, word) => escape(words[word]));
    res.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(html);
  }

  get isHTTPS() {
    return this.origin.startsWith('https:');
  }

  /**
   * A cookie's name in browsers. They take one that begins with __Host- from
   * this host by https alone, not from its sisters.
   */
  #cookieName(name) {
    return this.isHTTPS ? `__Host-${name}` : name;
  }

  setCookie(res, name, value, life) {
    const secure = this.isHTTPS ? '; Secure' : '';
    res.appendHeader('set-cookie', `${this.#cookieName(name)}=${value}; Path=/; Max-Age=${Math.floor(life / 1000)}; HttpOnly; SameSite=Lax${secure}`);
  }

  /** A cookie's value. One that comes twice counts as missing: somebody put one there, and nobody knows which. */
  cookie(req, name) {
    const found = [];
    for (const pair of (req.headers.cookie ?? '').split(';')) {
      const [key, value] = pair.trim().split('=');
      if (key.trim() === this.#cookieName(name)) found.push(value ?? '');
    }
    return found.length === 1 ? found[0] : '';
  }

  /**
   * Gives a browser a new nonce for a step: who presses first with it may press
   * again, and nobody else. Only a nonce that is given so counts.
   */
  async mark(res, step, life) {
    const nonce = newToken();
    this.setCookie(res, 'pingr_once', nonce, life);
    await this.state.set(repeatKey(nonce, step), OPENED, life);
  }

  /**
   * Logs a browser in if `changes`, which use the step up, can be made, and
   * answers whether it did: all of it is one atomic step. It is always by a new
   * token, so that one that somebody else put into the browser is worth nothing,
   * and without the session that it had.
   */
  async begin(req, res, phone, step, changes) {
    const token = newToken();
    const key = repeatKey(this.cookie(req, 'pingr_once'), step);
    const all = [...changes, { key: `login:session:${token}`, value: phone, life: SESSION_LIFE }];
    if (await this.state.get(key) === OPENED) all.push({ key, old: OPENED, value: token, life: REPEAT_LIFE });
    if (!(await this.state.commit(all))) return false;
    await this.#forget(req);
    this.setCookie(res, 'pingr_session', token, SESSION_LIFE);
    return true;
  }

  /**
   * Gives the browser that did a step some seconds ago the same answer, the same
   * session: the first may have been lost on the way. Answers whether it did.
   */
  async repeat(req, res, step) {
    const begun = await this.begun(req, step);
    if (begun) this.setCookie(res, 'pingr_session', begun.token, SESSION_LIFE);
    return begun !== null;
  }

  /**
   * The session that this browser began by a step some seconds ago, and whose it
   * is; null when there is none, or it was ended meanwhile.
   */
  async begun(req, step) {
    const token = await this.state.get(repeatKey(this.cookie(req, 'pingr_once'), step));
    if (token === null || token === OPENED) return null;
    const phone = await this.state.get(`login:session:${token}`);
    return phone === null ? null : { token, phone };
  }

  async #me(req, res) {
    const phone = await this.state.get(`login:session:${this.cookie(req, 'pingr_session')}`);
    if (phone === null) json(res, 401, { error: 'not logged in' });
    else json(res, 200, { phone });
  }

  async #logout(req, res) {
    await this.#forget(req);
    this.setCookie(res, 'pingr_session', '', 0);
    res.writeHead(204).end();
  }

  async #forget(req) {
    const token = this.cookie(req, 'pingr_session');
    if (token) await this.state.take(`login:session:${token}`);
  }

  /** Answers a verified event, the same one always alike. */
  async #answer(event) {
    if (event.event !== 'message.received' || !event.from || !event.message) return undefined;
    if (!event.id) return this.#decide(event); // of another Pingr; two of them are not the same event
    const { status, reason } = event.auto_reply ?? {};
    // If we answered an earlier attempt, that answer was lost.
    if (status === 'suppressed' && reason) await this.state.set(lostKey(event.id), reason, EVENT_LIFE);
    const key = `login:event:${event.id}`;
    const known = await this.state.get(key);
    if (known !== null) return JSON.parse(known).reply;
    const reply = await this.#decide(event);
    if (await this.state.add(key, JSON.stringify(reply ? { reply } : {}), EVENT_LIFE)) return reply;
    return JSON.parse(await this.state.get(key) ?? '{}').reply; // the same event came twice at once
  }

  /** Refuses what no flow takes. */
  async #decide({ id, from, message, trigger, auto_reply: autoReply, _simulated: simulated }) {
    if (simulated) return 'Simulated: nobody is logged in.';
    if (from.is_group) return 'Please message me directly, not in a group. Nobody else should see your login.';
    if (!from.phone) return 'This site knows people by their number, and WhatsApp hides yours.'; // they are not one person
    const code = extractChallengeCode(message.text, 'login');
    return this.onMessage({
      event: id, phone: from.phone, code,
      no: saysNo(message.text) || trigger?.phrase === 'no',
      forwarded: message.forwarded === true, suppressed: autoReply?.status === 'suppressed',
      reason: autoReply?.reason ?? '', retryAfter: autoReply?.retry_after ?? 0,
    });
  }
}

/**
 * Whether the word no is what a text begins with, or what follows login: NO,
 * "No!", *no*, "no, that was not me"; but not "nova".
 */
function saysNo(text) {
  const seen = text.normalize('NFKC').toLowerCase().replace(/[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu, '');
  const [first, second] = seen.match(/[\p{L}\p{M}\p{N}]+/gu) ?? [];
  return first === 'no' || (first === 'login' && second === 'no');
}

/** Where the state keeps why the answer to an event is not used. */
export const lostKey = (event) => `login:lost:${event}`;

/** By what a browser with that nonce repeats a step. */
function repeatKey(nonce, step) {
  return `login:repeat:${createHash('sha256').update(`${nonce} ${step}`).digest('hex')}`;
}

export function json(res, status, value) {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** What a form or script sent; an empty object when it is no JSON object. */
export function form(req) {
  try {
    const value = JSON.parse(req.body.toString('utf8'));
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** 128 random bits. */
export const newToken = () => randomBytes(16).toString('base64url');

function escape(text) {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** The body, or null when it is longer than that. */
async function readBody(req, most) {
  const chunks = [];
  let length = 0;
  for await (const chunk of req) {
    length += chunk.length;
    if (length <= most) chunks.push(chunk); // the rest is read, so that the answer can be
  }
  return length > most ? null : Buffer.concat(chunks);
}
