import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import {
  CHALLENGE_CHARSET, createChallengeCode, extractChallengeCode, PingrError, PingrWebhookError, verifyWebhook,
} from 'hey-pingr';

const secret = 'whsec_c2VjcmV0';
const sign = (body) => `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`;
const refused = (problem) => (err) =>
  err instanceof PingrWebhookError && err instanceof PingrError && err instanceof Error
  && err.name === 'PingrWebhookError' && err.code === 'webhook_error' && err.message.includes(problem);

test('a body is taken as bytes of any kind, or as text', () => {
  const text = `{"event":"session.connected","text":"Grüße","timestamp":${Date.now()}}`;
  const bytes = new TextEncoder().encode(text);
  const within = new Uint8Array([0, ...bytes, 0]).subarray(1, -1); // a view of a larger buffer
  for (const body of [text, Buffer.from(text), bytes, within]) {
    assert.equal(verifyWebhook(body, sign(text), secret).event, 'session.connected');
  }
});

test('what a JSON parser made of the body is refused, and says what to do', () => {
  const body = `{"timestamp":${Date.now()}}`;
  for (const parsed of [JSON.parse(body), undefined, null, {}, 1]) {
    assert.throws(() => verifyWebhook(parsed, sign(body), secret), refused('before any JSON parser'));
  }
});

test('a header or secret that is missing is refused', () => {
  const body = `{"timestamp":${Date.now()}}`;
  for (const missing of [undefined, null, '']) {
    assert.throws(() => verifyWebhook(body, missing, secret), refused('missing or empty'));
  }
  for (const signature of [[], [sign(body)], { toString: () => sign(body) }]) {
    assert.throws(() => verifyWebhook(body, signature, secret), refused('64 lowercase hex'));
  }
  for (const none of [undefined, null, '', [], [''], [undefined, secret]]) {
    assert.throws(() => verifyWebhook(body, sign(body), none), refused('no secret'));
  }
});

test('the clock is the default time, and the check may be turned off', () => {
  const old = `{"timestamp":${Date.now() - 5 * 60 * 1000 - 1}}`;
  assert.throws(() => verifyWebhook(old, sign(old), secret), refused('5 minutes old'));
  assert.throws(() => verifyWebhook(old, sign(old), secret, { checkTimestamp: undefined }), refused('5 minutes old'));
  assert.ok(verifyWebhook(old, sign(old), secret, { checkTimestamp: false }));
});

test('an error holds nothing of the body or the secret', () => {
  const body = '{"from":{"phone":"919876543210"}';
  assert.throws(() => verifyWebhook(body, sign(body), secret),
    (err) => !/9198|whsec/.test(err.stack + String(err.cause)));
});

test('a __proto__ in the body does not reach any prototype', () => {
  const body = '{"__proto__":{"admin":true},"timestamp":1}';
  verifyWebhook(body, sign(body), secret, { checkTimestamp: false });
  assert.equal({}.admin, undefined);
});

test('a body too deep for a parser is refused or read, and nothing worse', () => {
  const body = `{"timestamp":1,"x":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
  try {
    verifyWebhook(body, sign(body), secret, { checkTimestamp: false });
  } catch (err) {
    assert.ok(err instanceof PingrWebhookError);
  }
});

test('a length that is no whole number is clamped too', () => {
  for (const [length, want] of [[0, 4], [4.9, 4], [7.9, 7], [NaN, 4], [Infinity, 12], [-Infinity, 4], [undefined, 6]]) {
    assert.equal(createChallengeCode({ length }).length, want, String(length));
  }
  assert.match(createChallengeCode(), /^[A-HJ-NP-Z2-9]{6}$/);
  assert.notEqual(createChallengeCode(), createChallengeCode());
});

test('an empty charset is the default, one of more than 256 characters an error', () => {
  assert.match(createChallengeCode({ charset: '' }), /^[A-HJ-NP-Z2-9]{6}$/);
  assert.throws(() => createChallengeCode({ charset: 'a'.repeat(257) }), RangeError);
});

// Taking a byte modulo 10 would draw 0 to 5 more often: a chi-square above 400.
test('codes are drawn uniformly', () => {
  const charset = '0123456789';
  const counts = new Map([...charset].map((c) => [c, 0]));
  const draws = 20_000 * 12;
  for (let i = 0; i < draws / 12; i++) {
    for (const c of createChallengeCode({ length: 12, charset })) counts.set(c, counts.get(c) + 1);
  }
  let chi = 0;
  for (const n of counts.values()) chi += (n - draws / 10) ** 2 / (draws / 10);
  assert.ok(chi < 60, `chi-square of 9 degrees of freedom: ${chi}`); // one in a billion
});

test('every code that is made is found again', () => {
  for (let i = 0; i < 1000; i++) {
    const code = createChallengeCode({ length: 4 + (i % 9) });
    assert.equal(extractChallengeCode(`Hey  login ${code.toLowerCase()} `, 'hey login'), code);
  }
  assert.equal(CHALLENGE_CHARSET.length, 32);
});

test('a message without text has no code', () => {
  assert.equal(extractChallengeCode(undefined, 'login'), null);
  assert.equal(extractChallengeCode('login X4', undefined), null);
});
