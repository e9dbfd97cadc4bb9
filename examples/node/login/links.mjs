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
      + 'Good once. Did you not ask for it? Then ignore it, and pass it on to nobody.';
  }

  /**
   * Says whom a link logs in, and changes nothing: robots that preview links
   * open them too, and somebody else's link must not log a browser in unasked.
   */
  async #show(req, res) {
    const link = parse(await this.state.get(`login:link:${req.token}`));
    const good = link && (!link.code || (await this.codes.get(link.code))?.status === 'sent');
    if (good) this.site.page(res, 200, 'confirm', link.phone);
    else this.site.page(res, 410, 'gone');
  }

  /** Uses a link up and logs this browser in. */
  async #use(req, res) {
    const link = parse(await this.state.take(`login:link:${req.token}`));
    const good = link && (!link.code || (await this.codes.change(link.code, (c) => {
      const was = c.status;
      c.status = 'done';
      return was === 'sent';
    })).changed);
    if (!good) {
      this.site.page(res, 410, 'gone');
      return;
    }
    await this.site.begin(req, res, link.phone);
    res.writeHead(303, { location: '/' }).end();
  }
}

function parse(value) {
  return value === null ? null : JSON.parse(value);
}
