import { randomInt } from 'node:crypto';
import { normalize } from './normalize.js';

/** The default alphabet of challenge codes. It leaves out 0, 1, I and O, which people misread. */
export const CHALLENGE_CHARSET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/** Options of {@link createChallengeCode}. */
export interface ChallengeOptions {
  /** The number of characters, clamped to 4 to 12. Defaults to 6. */
  length?: number;
  /** The characters to draw from, at most 256. Defaults to {@link CHALLENGE_CHARSET}. */
  charset?: string;
}

/**
 * Returns a random code for a login page to show, drawn uniformly from a
 * cryptographic source.
 *
 * @throws {RangeError} if the charset has more than 256 characters
 */
export function createChallengeCode(opts: ChallengeOptions = {}): string {
  const charset = [...(opts.charset || CHALLENGE_CHARSET)];
  if (charset.length > 256) throw new RangeError('the charset has more than 256 characters');
  const length = Math.min(Math.max(Math.trunc(opts.length ?? 6) || 0, 4), 12);
  return Array.from({ length }, () => charset[randomInt(charset.length)]).join('');
}

// What people and keyboards write around a phrase and a code without meaning it,
// the same lists as the server's (punctuation.go).
const WRAPPING = String.raw`*_~\u0060"'“”„‟‘’‚‛′«»‹›「」『』〝〞〟()\[\]{}<>`;
const EMOJI = String.raw`\u00A9\u00AE\u2190-\u21FF\u2300-\u23FF\u25A0-\u27BF\u2900-\u297F\u2B00-\u2BFF\u3030\u303D\u{1F000}-\u{1FAFF}`;
const TAIL = `${WRAPPING}:.,!。、،۔।॥${EMOJI} `;
const FRONT = new RegExp(`^[${WRAPPING} ]+`, 'u');
const AFTER = new RegExp(`^[${TAIL}]*`, 'u');
const LEAD = new RegExp(`^[${TAIL}\\-‐‑‒–—―]+`, 'u');
// Up to the last character that belongs to the code. A search for what follows
// it would begin at every place in turn, which takes the square of a long text.
const CODE = new RegExp(`^.*[^${TAIL}?؟]`, 'u');
const LINE_END = /[\n\v\f\r\u0085\u2028\u2029]+/u;

/**
 * Returns what follows phrase in said, which is one line, or undefined if said
 * does not begin with phrase. A phrase ends before white space, a colon or the
 * end, and before what is dropped in front of these.
 */
function afterPhrase(said: string, phrase: string): string | undefined {
  if (!said.startsWith(phrase)) return undefined;
  const rest = said.slice(phrase.length);
  const dropped = AFTER.exec(rest)?.[0] ?? '';
  return dropped.length === rest.length || /[ :]/.test(dropped) ? rest : undefined;
}

/**
 * Returns the code, in capitals, from a text that consists of the trigger
 * phrase, white space and the code. Returns null for any other text, and for
 * the phrase alone.
 *
 * It compares both as a trigger does, so every text that fires the trigger and
 * goes on yields a code. Letter case, the Turkish i, full-width letters,
 * invisible characters and the amount of space do not matter. Around the code it
 * also ignores what nobody could mean otherwise: `*bold*` and other marks,
 * quotation marks and brackets, a colon or dash between phrase and code, full
 * stops, commas, exclamation and question marks, emoji, and further lines.
 */
export function extractChallengeCode(text: string, trigger: string): string | null {
  const phrase = normalize(trigger ?? '');
  if (phrase === '') return null;
  const lines = (text ?? '').split(LINE_END).map(normalize).filter(Boolean).join('\n');
  const said = lines.replaceAll('\n', ' ');
  const rest = afterPhrase(said, phrase) ?? afterPhrase(said.replace(FRONT, ''), phrase);
  if (rest === undefined) return null;
  const from = lines.length - rest.replace(LEAD, '').length;
  const code = CODE.exec(lines.slice(from).split('\n', 1)[0] ?? '');
  return code ? code[0].toUpperCase() : null;
}

/**
 * Returns the link that opens WhatsApp with text filled in, addressed to number:
 * `https://wa.me/919876543210?text=login%20X4K9MQ`. It ignores everything in
 * number that is not a digit.
 */
export function loginLink(number: string, text: string): string {
  const escaped = encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return `https://wa.me/${number.replace(/[^0-9]/g, '')}?text=${escaped}`;
}
