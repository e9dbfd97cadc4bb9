import { randomInt } from 'node:crypto';
import { normalize } from './normalize.js';

/** The default alphabet of challenge codes: no 0, 1, I or O, which people misread. */
export const CHALLENGE_CHARSET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/** Options of {@link createChallengeCode}. */
export interface ChallengeOptions {
  /** 4 to 12 characters, default 6; others are clamped to that. */
  length?: number;
  /** The characters to draw from, at most 256; default {@link CHALLENGE_CHARSET}. */
  charset?: string;
}

/**
 * Draws a code for a login page to show, uniformly from a cryptographic source.
 *
 * @throws {RangeError} when the charset holds more than 256 characters
 */
export function createChallengeCode(opts: ChallengeOptions = {}): string {
  const charset = [...(opts.charset || CHALLENGE_CHARSET)];
  if (charset.length > 256) throw new RangeError('the charset holds more than 256 characters');
  const length = Math.min(Math.max(Math.trunc(opts.length ?? 6) || 0, 4), 12);
  return Array.from({ length }, () => charset[randomInt(charset.length)]).join('');
}

/**
 * Returns the code, in capitals, of a text that is the trigger phrase, white
 * space and the code; null for any other text.
 *
 * Both are compared as they are when a trigger fires, so that every text that
 * fires the trigger and goes on gives a code: letter case, the Turkish i,
 * full-width letters, invisible characters and the amount of space do not count.
 */
export function extractChallengeCode(text: string, trigger: string): string | null {
  const phrase = normalize(trigger ?? '');
  const said = normalize(text ?? '');
  if (phrase === '' || !said.startsWith(`${phrase} `)) return null;
  return said.slice(phrase.length + 1).toUpperCase();
}

/**
 * The link that opens WhatsApp with the text filled in, addressed to number:
 * `https://wa.me/919876543210?text=login%20X4K9MQ`. All but the digits of number
 * is dropped.
 */
export function loginLink(number: string, text: string): string {
  const escaped = encodeURIComponent(text.toWellFormed())
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return `https://wa.me/${number.replace(/[^0-9]/g, '')}?text=${escaped}`;
}
