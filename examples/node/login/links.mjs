// Links that log in, once, whichever browser opens them.
import { newToken } from './site.mjs';

export class Links {
  /** @param codes those that links answer; none in mobile-first */
  constructor(site, codes = null) {
    this.site = site;
    this.state = site.state;
    this.codes = codes;
    site.handle('GET /in/', (req, res) => this.#show(req, res));
    site.handle('POST /in/', (req, res) => this.#use(req, res));
  }

  /** Makes a link for a phone. With a code it works only while that code is sent. */
  async make(phone, code = '') {
    const token = newToken();
    await this.state.set(`login:link:${token}`, JSON.stringify({ phone, code }), this.site.linkLife);
    return token;
  }

  /** A link with the words around it. */
  text(token) {
    return `Log in to ${this.site.name}:\n${this.site.origin}/in/${token}\n`
      + 'It works once. If you did not ask for it, ignore it. Never share it.';
  }

  /**
   * Says whom a link logs in, and changes nothing: robots that preview links
   * open them too, and somebody else's link must not log a browser in unasked.
   * The browser that used it some seconds ago is shown the same: its answer may
   * have been lost.
   */
  async #show(req, res) {
    const step = `link ${req.token}`;
    const link = await this.#read(req.token);
    if (link) await this.site.mark(res, step, this.site.linkLife);
    const { phone } = link ?? await this.site.begun(req, step) ?? {};
    if (phone) this.site.page(res, 200, 'confirm', phone);
    else this.site.page(res, 410, 'gone');
  }

  /** Uses a link up and logs this browser in. */
  async #use(req, res) {
    const step = `link ${req.token}`;
    let link;
    let done = false;
    while (!done && (link = await this.#read(req.token))) { // again when somebody else was faster
      done = await this.site.begin(req, res, link.phone, step, link.changes);
    }
    if (done || await this.site.repeat(req, res, step)) res.writeHead(303, { location: '/' }).end();
    else this.site.page(res, 410, 'gone');
  }

  /** Whom a link logs in, and the changes that use it up; null for one that is over. */
  async #read(token) {
    const key = `login:link:${token}`;
    const old = await this.state.get(key);
    if (old === null) return null;
    const { phone, code: name } = JSON.parse(old);
    const changes = [{ key, old }];
    if (name) {
      const { code, update } = await this.codes.read(name);
      if (code?.status !== 'sent') return null;
      changes.push(update({ status: 'done' }));
    }
    return { phone, changes };
  }
}
