// verifyWebhook beside the least that a backend could do instead (bare), and the
// published library of Standard Webhooks: ratios of one run, in which the ways
// take turns. npm run bench
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { verifyWebhook } from 'hey-pingr';

const ROUNDS = 401;
const key = randomBytes(32);
const secret = `whsec_${key.toString('base64')}`;
const published = new Webhook(secret);

function request(text) {
  const body = Buffer.from(JSON.stringify({
    event: 'message.received', session_id: 'main', id: 'evt_1', timestamp: Date.now(),
    from: { phone: '919876543210', jid: '919876543210@s.whatsapp.net', is_group: false, group_jid: null },
    message: { text, type: 'text', id: '3EB0A9C1D27E4F5B8C6D', timestamp: Date.now() },
    trigger: { id: 'trg_1', phrase: 'login' }, auto_reply: { status: 'pending' },
  }));
  const seconds = String(Math.floor(Date.now() / 1000));
  const standard = createHmac('sha256', key).update(`evt_1.${seconds}.`).update(body).digest('base64');
  return {
    body,
    signature: `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
    headers: { 'webhook-id': 'evt_1', 'webhook-timestamp': seconds, 'webhook-signature': `v1,${standard}` },
  };
}

const ways = {
  bare: ({ body, signature }) => {
    const mac = createHmac('sha256', secret).update(body).digest();
    if (!timingSafeEqual(mac, Buffer.from(signature.slice(7), 'hex'))) throw new Error('no');
    return JSON.parse(body.toString('utf8'));
  },
  'hey-pingr': ({ body, signature }) => verifyWebhook(body, signature, secret),
  standardwebhooks: ({ body, headers }) => published.verify(body, headers),
};

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

for (const [name, text] of Object.entries({ 'a login message': 'login X4K9MQ7T', 'a long message': 'x'.repeat(5000) })) {
  const asked = request(text);
  const took = Object.fromEntries(Object.keys(ways).map((way) => [way, []]));
  for (let round = 0; round < ROUNDS; round++) {
    const order = Object.entries(ways);
    for (let i = 0; i < order.length; i++) {
      const [way, verify] = order[(i + round) % order.length];
      const began = process.hrtime.bigint();
      for (let n = 0; n < 50; n++) verify(asked);
      took[way].push(Number(process.hrtime.bigint() - began) / 50_000);
    }
  }
  console.log(`${name}, ${asked.body.length} bytes: bare ${median([...took.bare]).toFixed(1)} µs`);
  for (const way of Object.keys(ways)) {
    const ratios = took[way].slice(ROUNDS >> 2).map((us, i) => us / took.bare[i + (ROUNDS >> 2)]); // the first rounds compile
    console.log(`  ${way.padEnd(18)}${median(ratios).toFixed(2)} of bare`);
  }
}
