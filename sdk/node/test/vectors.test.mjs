import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createChallengeCode, extractChallengeCode, loginLink, parsePhone, PingrWebhookError, verifyWebhook } from 'hey-pingr';
import { bodyOf, textOf, vectors } from './vectors.mjs';

test('verifyWebhook', async (t) => {
  for (const c of vectors.verify) {
    await t.test(c.name, () => {
      const body = bodyOf(c);
      const verify = () => verifyWebhook(body, c.signature, c.secrets, { checkTimestamp: !c.skip_timestamp, now: vectors.now });
      if (c.error) {
        assert.throws(verify, (err) => err instanceof PingrWebhookError && err.message.includes(c.error));
        return;
      }
      const event = verify();
      assert.deepEqual(event, JSON.parse(body.toString()));
      if (c.body !== undefined) { // as text it is the same
        assert.deepEqual(verifyWebhook(c.body, c.signature, c.secrets, { checkTimestamp: !c.skip_timestamp, now: vectors.now }), event);
      }
    });
  }
});

test('extractChallengeCode', async (t) => {
  for (const c of vectors.extract) {
    await t.test(c.name, () => assert.equal(extractChallengeCode(textOf(c), c.trigger), c.code));
  }
});

test('createChallengeCode', async (t) => {
  for (const c of vectors.create) {
    await t.test(c.name, () => {
      const { length, charset } = c;
      const code = [...createChallengeCode({ ...(length !== undefined && { length }), ...(charset && { charset }) })];
      assert.equal(code.length, c.want_length);
      assert.deepEqual(code.filter((character) => !c.want_from.includes(character)), []);
    });
  }
});

test('loginLink', async (t) => {
  for (const c of vectors.link) {
    await t.test(c.name, () => assert.equal(loginLink(c.number, textOf(c)), c.link));
  }
});

test('parsePhone', async (t) => {
  for (const c of vectors.phone) {
    await t.test(c.name, () => assert.equal(parsePhone(c.text), c.phone));
  }
});
