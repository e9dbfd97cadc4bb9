// The zeros of the scripts in which people type numbers; nine digits follow each.
const ZEROS = [...'0٠۰०০੦૦୦௦౦೦൦๐໐༠၀០᠐０'].map((zero) => zero.codePointAt(0) as number);

// The same lists as the server's (phone.go).
const NOISE = new RegExp(
  String.raw`[\t-\r ./\u0085\u00A0\u00AD\u00B7\u061C\u1680\u180E\u2000-\u2015` +
    String.raw`\u2028-\u202F\u205F-\u2064\u2066-\u206F\u2212\u3000\uFE58\uFE63\uFEFF\uFF0D\uFF0E\-]`, 'gu');
const SIGNS: Record<string, string> = { '（': '(', '）': ')', '[': '(', ']': ')', '＋': '+' };
const TRUNK = /^([()]*\+?[()]*(?:00)?[()]*([1-9][0-9]{0,2})[()]*)\(0\)/;
const ITALY = '39'; // keeps the 0 of its numbers in international calls

function ascii(character: string): string {
  const point = character.codePointAt(0) as number;
  const zero = ZEROS.find((zero) => zero <= point && point <= zero + 9);
  return zero === undefined ? SIGNS[character] ?? character : String(point - zero);
}

/**
 * Returns the digits of a phone number, with country code and without "+":
 * `919876543210`. Returns null if the text cannot be one, which has 7 to 15
 * digits (ITU-T E.164) and no country code that begins with 0.
 *
 * It takes numbers as people type and paste them. Spaces of all kinds, dashes,
 * dots, slashes, brackets and invisible marks between the digits are ignored.
 * `+`, `00`, `tel:` or `whatsapp:` may precede the country code. `(0)` after the
 * country code is dropped, except for Italy's. Digits may be of another script.
 * It knows no country, so it does not add a missing country code, and the result
 * need not be in use.
 */
export function parsePhone(text: string): string | null {
  let s = Array.from(text ?? '', ascii).join('').replace(NOISE, '').replace(/^(tel|whatsapp):/i, '');
  const trunk = TRUNK.exec(s);
  if (trunk && trunk[2] !== ITALY) s = trunk[1] + s.slice(trunk[0].length);
  s = s.replace(/[()]/g, '');
  const digits = s.startsWith('+') ? s.slice(1) : s.replace(/^00/, '');
  return /^[1-9][0-9]{6,14}$/.test(digits) ? digits : null;
}
