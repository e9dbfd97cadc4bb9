// Codes that a browser shows and a phone sends.
import { createChallengeCode, loginLink } from 'hey-pingr';
import { json, lostKey, newToken } from './site.mjs';

const MAX_STARTS = 120; // codes that an address gets in a minute
const MAX_WRONG = 5; // wrong codes are a phone's last for some time

/** Whether something may still come of a code. */
export const isPending = (code) => code !== null && ['waiting', 'sent', 'asked'].includes(code.status);

export class Codes {
  constructor(site) {
    this.site = site;
    this.state = site.state;
    site.handle('GET /poll', (req, res) => this.#poll(req, res));
  }

  /** Counts a start. If the address has had too many, answers the request and returns false. */
  async admit(req, res) {
    if (await this.state.count(`login:starts:${req.socket.remoteAddress}`, 60_000) <= MAX_STARTS) return true;
    json(res, 429, { error: 'too many logins; try again in a minute' });
    return false;
  }

  /**
   * Gives a browser that was admitted a code to show, and a cookie to poll with: who
   * knows the code or the phone still cannot.
   */
  async start(req, res, fields) {
    const { state, site } = this;
    const before = await this.polled(req);
    if (before !== null) await this.end(before, 'void');
    const code = await this.#new(fields);
    const token = newToken();
    await state.set(`login:poll:${token}`, code, site.codeLife);
    site.setCookie(res, 'pingr_poll', token, site.codeLife);
    await site.mark(res, `digits ${code}`, site.codeLife);
    const text = `login ${code}`;
    json(res, 200, { code, text, link: loginLink(site.number, text), expires_in: site.codeLife / 1000 });
  }

  /** Stores a code that no other browser has. */
  async #new(fields) {
    const value = JSON.stringify({ status: 'waiting', phone: '', device: '', digits: '', tries: 0, event: '', reply: '', link: '', reason: '', until: 0, ...fields });
    for (;;) {
      const code = createChallengeCode({ length: 8 });
      if (await this.state.add(`login:code:${code}`, value, this.site.codeLife)) return code;
    }
  }

  /** The code that a browser polls for, by its cookie and nothing else. */
  async polled(req) {
    const token = this.site.cookie(req, 'pingr_poll');
    return token ? this.state.get(`login:poll:${token}`) : null;
  }

  /** Says how far the code of this browser is, why a message was not answered, and never whose browser or phone was faster. */
  async #poll(req, res) {
    const name = await this.polled(req);
    const code = name === null ? null : await this.get(name);
    if (code === null) return json(res, 404, { status: 'none' });
    const { status } = code;
    const told = { status };
    if (status === 'asked') told.number = `…${code.phone.slice(-4)}`;
    const reason = await this.#silence(code);
    if (reason) told.reason = reason;
    if (status === 'waiting' && reason === 'cooldown') told.retry_after = Math.max(0, Math.ceil((code.until - Date.now()) / 1000));
    return json(res, 200, told);
  }

  /** Why the chat may show no answer to the code; nothing when it should. */
  async #silence(code) {
    if (code.status === 'waiting') return code.reason;
    return isPending(code) ? this.state.get(lostKey(code.event)) : '';
  }

  /** A code as it stands, or null. */
  async get(name) {
    return (await this.read(name)).code;
  }

  /** The same with `update`, which makes of changed fields what state.commit takes. */
  async read(name) {
    const key = `login:code:${name}`;
    const old = await this.state.get(key);
    const code = old === null ? null : JSON.parse(old);
    return { code, update: (fields) => ({ key, old, value: JSON.stringify({ ...code, ...fields }) }) };
  }

  /**
   * Changes a code in one atomic step. `change` is called again when somebody
   * else was faster, and refuses by false. Answers the code as it then stands.
   */
  async change(name, change) {
    for (;;) {
      const old = await this.state.get(`login:code:${name}`);
      if (old === null) return { code: null, changed: false };
      const code = JSON.parse(old);
      if (!change(code)) return { code: JSON.parse(old), changed: false };
      if (await this.state.swap(`login:code:${name}`, old, JSON.stringify(code))) return { code, changed: true };
    }
  }

  /** Makes a pending code void or refused, and its link with it. */
  async end(name, status) {
    const { code, changed } = await this.change(name, (c) => {
      const was = isPending(c);
      c.status = status;
      return was;
    });
    if (changed && code.link) await this.state.take(`login:link:${code.link}`);
  }

  /**
   * Notes on a waiting code, for the page that waits, why the phone that sent it
   * is not answered, in the chat or here: the answer is empty.
   */
  async unanswered({ code: name, reason, retryAfter }) {
    await this.change(name, (c) => Object.assign(c, { reason, until: Date.now() + retryAfter * 1000 }).status === 'waiting');
    return '';
  }

  /** Whether a phone sent too many wrong codes. */
  async isBlocked(phone) {
    return Number(await this.state.get(`login:wrong:${phone}`)) >= MAX_WRONG;
  }

  /** Counts a wrong code and answers it. */
  async wrong(phone) {
    await this.state.count(`login:wrong:${phone}`, this.site.blockLife);
    return this.notValid();
  }

  notValid() {
    return `That code is not valid. Get a new one on the login page: ${this.site.origin}/`;
  }

  where() {
    return `To log in to ${this.site.name}, get a code here: ${this.site.origin}/`;
  }

  forwarded() {
    return `Forwarded codes are not accepted: they would log in the person who sent you the code. Get your own here: ${this.site.origin}/`;
  }
}
