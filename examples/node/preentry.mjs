// Logs people in who type their number first: a code that is sent from that
// phone is answered by a link that logs in the browser that opens it. The page
// that waits only says how far it is.
import { parsePhone } from 'hey-pingr';
import { Codes, isPending } from './login/codes.mjs';
import { Links } from './login/links.mjs';
import { Numbers } from './login/numbers.mjs';
import { form, json, main } from './login/site.mjs';

await main('preentry', (site) => {
  const codes = new Codes(site);
  const links = new Links(site, codes);
  const numbers = new Numbers(site);

  site.handle('POST /start', async (req, res) => {
    const phone = parsePhone(String(form(req).phone ?? ''));
    if (!phone) return json(res, 422, { error: 'that is not a phone number' });
    if (!await codes.admit(req, res)) return undefined;
    const who = await numbers.resolve(phone);
    if (who && !who.onWhatsApp) return json(res, 422, { error: 'that number is not on WhatsApp' });
    return codes.start(req, res, { phone: who?.phone ?? phone }); // asked again if the code comes from another number
  });

  // Sends a link for a code, if it comes from the phone that was typed in.
  site.onMessage = async (m) => {
    if (!m.code) return codes.where();
    if (await codes.isBlocked(m.phone)) return '';
    const code = await codes.get(m.code);
    if (!isPending(code)) return codes.wrong(m.phone);
    if (m.forwarded) {
      await codes.end(m.code, 'void');
      return codes.forwarded();
    }
    if (code.phone !== m.phone) { // perhaps another spelling of the same number
      const who = await numbers.resolve(code.phone);
      if (!who) return numbers.notChecked();
      code.phone = who.phone;
    }
    if (code.phone !== m.phone) {
      await codes.end(m.code, 'void');
      return codes.wrong(m.phone);
    }
    if (code.status === 'sent') return code.reply;
    return m.suppressed ? codes.unanswered(m) : sendLink(m);
  };

  // The link is made before the code says that it is sent.
  async function sendLink(m) {
    const link = await links.make(m.phone, m.code);
    const { code, changed } = await codes.change(m.code, (c) => {
      if (c.status !== 'waiting') return false;
      Object.assign(c, { status: 'sent', event: m.event, link, reply: links.text(link) });
      return true;
    });
    if (changed) return code.reply;
    // Meanwhile the code was ended, or the phone sent it twice.
    await site.state.take(`login:link:${link}`);
    return site.onMessage(m);
  }
});
