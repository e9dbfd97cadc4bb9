// Logs people in who are on their phone: "login" to the linked number is
// answered by a link that logs in the browser that opens it.
import { Links } from './login/links.mjs';
import { main } from './login/site.mjs';

await main('mobile', (site) => {
  const links = new Links(site);
  // Only who holds the phone can read the answer.
  site.onMessage = async ({ phone, suppressed }) => (suppressed ? '' : links.text(await links.make(phone)));
});
