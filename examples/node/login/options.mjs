// The options of every example (examples/README.md, Options).
import { parseArgs } from 'node:util';

const HELP = `  --listen HOST:PORT   where to listen (127.0.0.1:8090); port 0 is any free one
  --origin URL         at which browsers reach the site (http:// and the address of --listen)
  --number DIGITS      the linked number (15550100)
  --site NAME          the name of the site (Example Shop)
  --api URL            resolve numbers at this Pingr, with the key in PINGR_API_KEY (take them as typed)
  --redis URL          keep the state in this Redis, such as redis://127.0.0.1:6379/0 (in memory)
  --code-ttl SECONDS   life of a code (300)
  --link-ttl SECONDS   life of a link (300)
  --block-ttl SECONDS  how long wrong codes of a phone are remembered (3600)

PINGR_WEBHOOK_SECRET is the secret of the webhook (whsec_…).`;

/** Reads the command line and the environment; ends the program with 2 when they are wrong. */
export function parseOptions() {
  try {
    return read();
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
}

function read() {
  const text = (value) => ({ type: 'string', default: value });
  const { values } = parseArgs({ options: {
    listen: text('127.0.0.1:8090'), origin: text(''), number: text('15550100'), site: text('Example Shop'), api: text(''), redis: text(''),
    'code-ttl': text('300'), 'link-ttl': text('300'), 'block-ttl': text('3600'), help: { type: 'boolean', short: 'h' },
  } });
  if (values.help) {
    console.log(HELP);
    process.exit(0);
  }
  const secret = process.env.PINGR_WEBHOOK_SECRET;
  if (!secret) throw new Error('set PINGR_WEBHOOK_SECRET to the secret of the webhook (whsec_…)');
  const listen = /^(.+):(\d{1,5})$/.exec(values.listen);
  if (!listen) throw new Error('--listen must be HOST:PORT');
  if (!/^\d+$/.test(values.number)) throw new Error('--number must be digits only, with country code');
  const key = process.env.PINGR_API_KEY;
  if (values.api && !key) throw new Error('set PINGR_API_KEY to an API key (pk_live_…), or leave out --api');
  if (values.origin && !isOrigin(values.origin)) throw new Error('--origin must be scheme, host and port, such as https://shop.example');
  return {
    secret, host: listen[1].replace(/^\[|\]$/g, ''), port: Number(listen[2]), origin: values.origin.replace(/\/$/, ''),
    number: values.number, name: values.site, api: values.api, key, redis: values.redis,
    codeLife: life(values, 'code-ttl'), linkLife: life(values, 'link-ttl'), blockLife: life(values, 'block-ttl'),
  };
}

function isOrigin(text) {
  const url = URL.canParse(text) ? new URL(text) : null;
  return url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.origin === text.replace(/\/$/, '');
}

/** Milliseconds. */
function life(values, name) {
  if (!/^[1-9]\d{0,8}$/.test(values[name])) throw new Error(`--${name} must be at least 1 second`);
  return Number(values[name]) * 1000;
}
