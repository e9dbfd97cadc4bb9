// The cases that the helpers of all languages pass, read from testdata/vectors.json.
import { readFileSync } from 'node:fs';

export const vectors = JSON.parse(readFileSync(new URL('../../../testdata/vectors.json', import.meta.url), 'utf8'));

/** The body of a verify case, as bytes. */
export function bodyOf({ body, body_base64, body_repeat: r }) {
  if (r) return Buffer.from(r.before + r.unit.repeat(r.times) + r.after);
  return body === undefined ? Buffer.from(body_base64 ?? '', 'base64') : Buffer.from(body);
}

/** The text of an extract or link case. */
export function textOf({ text, text_json }) {
  return text_json === undefined ? text : JSON.parse(text_json);
}
