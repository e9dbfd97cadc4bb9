// What Pingr sends also holds for verifiers of Standard Webhooks: here the
// published one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyWebhook } from 'hey-pingr';
import { Webhook } from 'standardwebhooks';
import { vectors } from './vectors.mjs';

test('standardwebhooks accepts what Pingr sends', async (t) => {
  for (const c of vectors.standard) {
    await t.test(c.name, (t) => {
      t.mock.timers.enable({ apis: ['Date'], now: c.now });
      const event = new Webhook(c.secret).verify(c.body, c.headers);
      assert.deepEqual(event, verifyWebhook(c.body, c.headers['x-pingr-signature'], c.secret));
      assert.equal(event.id, c.headers['webhook-id']);
    });
  }
});

test('standardwebhooks refuses it changed, so the test above can fail', async (t) => {
  for (const c of vectors.standard) {
    await t.test(c.name, (t) => {
      t.mock.timers.enable({ apis: ['Date'], now: c.now });
      const webhook = new Webhook(c.secret);
      assert.throws(() => webhook.verify(`${c.body} `, c.headers));
      assert.throws(() => webhook.verify(c.body, { ...c.headers, 'webhook-id': 'evt_other' }));
      assert.throws(() => webhook.verify(c.body, { ...c.headers, 'webhook-timestamp': String(Math.floor(c.now / 1000) + 1) }));
    });
  }
});
