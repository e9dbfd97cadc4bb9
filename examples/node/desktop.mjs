// Logs a browser in by a phone beside it: the page shows a code as QR, the phone
// sends it and is answered by six digits, which are typed on the page.
import { randomInt, timingSafeEqual } from 'node:crypto';
import { loginLink } from 'hey-pingr';
import { generate } from 'lean-qr';
import { toPngBuffer } from 'lean-qr/extras/node_export';
import { Codes, isPending } from './login/codes.mjs';
import { device } from './login/device.mjs';
import { form, json, main } from './login/site.mjs';

const MAX_TRIES = 3;

await main('desktop', (site) => {
  const codes = new Codes(site);

  site.handle('POST /start', async (req, res) => {
    if (await codes.admit(req, res)) await codes.start(req, res, { device: device(req.headers['user-agent'] ?? '') });
  });

  // The link that opens WhatsApp with this browser's code filled in.
  site.handle('GET /qr.png', async (req, res) => {
    const code = await codes.polled(req);
    if (code === null) {
      res.writeHead(404).end('not found');
      return;
    }
    const picture = toPngBuffer(generate(loginLink(site.number, `login ${code}`)), { on: [0, 0, 0, 255], off: [255, 255, 255, 255], scale: 8 });
    res.writeHead(200, { 'content-type': 'image/png' }).end(picture);
  });

  // Logs the waiting browser in: what only the phone was told was typed in it. For
  // some seconds the same browser may type them again.
  site.handle('POST /digits', async (req, res) => {
    const typed = String(form(req).digits ?? '');
    const name = await codes.polled(req);
    const step = `digits ${name}`;
    const over = (status = 'none') => json(res, 410, { status });
    const done = () => json(res, 200, { status: 'done' });
    for (;;) {
      const { code, update } = name === null ? { code: null } : await codes.read(name);
      if (!['asked', 'done'].includes(code?.status) || code.tries >= MAX_TRIES) return over(code?.status);
      if (same(typed, code.digits)) {
        if (code.status === 'done') return await site.repeat(req, res, step) ? done() : over('done');
        if (await site.begin(req, res, code.phone, step, [update({ status: 'done' })])) return done();
        continue; // somebody else was faster
      }
      const tries = code.tries + 1;
      const status = tries >= MAX_TRIES && code.status === 'asked' ? 'void' : code.status;
      if (!(await site.state.commit([update({ tries, status })]))) continue;
      return status === 'asked' ? json(res, 403, { status, tries_left: MAX_TRIES - tries }) : over(status);
    }
  });

  // Tells the phone that sent a code the digits, and what they are for.
  site.onMessage = async (m) => {
    if (m.no) return refuse(m);
    if (!m.code) return codes.where();
    if (await codes.isBlocked(m.phone)) return '';
    const code = await codes.get(m.code);
    if (!isPending(code)) return codes.wrong(m.phone);
    if (m.forwarded) {
      await codes.end(m.code, 'void');
      return codes.forwarded();
    }
    if (code.status === 'asked' && code.phone !== m.phone) {
      await codes.end(m.code, 'void');
      return codes.notValid();
    }
    if (code.status === 'asked') return code.reply;
    return m.suppressed ? codes.unanswered(m) : ask(m);
  };

  // Makes the digits. That the phone is asked about this code, that the code says
  // so, and that the one before is void, so that NO has one meaning, is one step:
  // two codes sent at once would both stay open, and NO would end one.
  async function ask(m) {
    const digits = String(randomInt(1_000_000)).padStart(6, '0');
    for (;;) {
      const { code, update } = await codes.read(m.code);
      if (code?.status !== 'waiting') return site.onMessage(m); // meanwhile it was ended, or sent by another phone
      const reply = `Log in to ${site.name} on ${code.device}? Then type these digits on that page:\n${digits}\n`
        + 'They log that browser in as you. Never share them, whoever asks. Not you? Reply NO.';
      const asked = update({ status: 'asked', phone: m.phone, event: m.event, digits, reply });
      const { changes } = await endAsked(m.phone, m.code, 'void');
      if (await site.state.commit([asked, ...changes])) return reply;
    }
  }

  // Ends what the phone is asked about.
  async function refuse(m) {
    for (;;) {
      const { code, changes } = await endAsked(m.phone, '', 'refused');
      if (code?.status === 'done') return `Too late: the digits were already entered on ${code.device}. If that was not you, tell ${site.name} at once.`;
      if (await site.state.commit(changes)) return 'Nobody was logged in.';
    }
  }

  // The code that a phone is asked about, and the changes after which it has
  // ended, if it could, and the phone is asked about next, or about none.
  async function endAsked(phone, next, status) {
    const key = `login:asks:${phone}`;
    const name = await site.state.get(key) ?? '';
    const changes = [{ key, old: name, value: next, life: site.codeLife }];
    if (name === '' || name === next) return { code: null, changes };
    const { code, update } = await codes.read(name);
    if (code?.status === 'asked' && code.phone === phone) changes.push(update({ status }));
    return { code, changes };
  }
});

// In constant time, whatever was typed.
function same(typed, digits) {
  const [a, b] = [typed, digits].map((text) => Buffer.from(text));
  return a.length === b.length && timingSafeEqual(a, b);
}
