import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PingrWebhookError, verifyWebhook } from 'hey-pingr';
import { vectors } from './vectors.mjs';

// Random numbers that a seed repeats (mulberry32).
function randomOf(seed) {
  return (n) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}

// One to three changes: a bit, a byte, letter case, a byte put in, bytes taken
// out, doubled or swapped, the end cut off.
function mutate(random, original) {
  let b = Buffer.from(original);
  for (let n = 1 + random(3); n > 0 && b.length > 1; n--) {
    const [i, j] = [random(b.length), random(b.length)].sort((x, y) => x - y);
    switch (random(8)) {
      case 0: b[i] ^= 1 << random(8); break;
      case 1: b[i] = random(256); break;
      case 2: b[i] ^= 0x20; break;
      case 3: b = Buffer.concat([b.subarray(0, i), Buffer.of(random(256)), b.subarray(i)]); break;
      case 4: b = Buffer.concat([b.subarray(0, i), b.subarray(Math.min(j + 1, i + 8))]); break;
      case 5: b = Buffer.concat([b.subarray(0, j), b.subarray(i)]); break;
      case 6: [b[i], b[j]] = [b[j], b[i]]; break;
      case 7: b = b.subarray(0, j); break;
    }
  }
  return b;
}

test('none of 100,000 changed bodies and signatures is accepted', () => {
  const { body: text, signature: right, secrets } = vectors.verify.find((c) => c.name === 'a message');
  const body = Buffer.from(text);
  const signature = Buffer.from(right);
  const verify = (b, s) => verifyWebhook(b, s.toString('latin1'), [...secrets, 'whsec_b2xk'], { checkTimestamp: false });
  assert.equal(verify(body, signature).id, 'evt_1');
  for (let seed = 0; seed < 100_000; seed++) {
    const random = randomOf(seed);
    const which = random(3);
    const changedBody = which === 1 ? body : mutate(random, body);
    const changedSignature = which === 0 ? signature : mutate(random, signature);
    if (changedBody.equals(body) && changedSignature.equals(signature)) continue; // changes that undo each other
    let accepted = false;
    try {
      verify(changedBody, changedSignature);
      accepted = true;
    } catch (err) {
      if (!(err instanceof PingrWebhookError)) throw err;
    }
    assert.ok(!accepted, `seed ${seed}`);
  }
});
