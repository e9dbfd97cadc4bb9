// What a flow must not forget: strings by key, each with a life in milliseconds
// after which it is gone. Every operation is atomic (examples/README.md, State);
// commit makes all changes `{ key, old, value, life }` if every value is still
// the old one, or none. Nothing is ''; without a life, it goes on.
import { createClient } from 'redis';

/** The state of a program of one process. */
export class Memory {
  #held = new Map();
  #swept = 0;

  #find(key) {
    const now = Date.now();
    if (now - this.#swept >= 1000) { // what strangers cause does not pile up
      this.#swept = now;
      for (const [k, { until }] of this.#held) if (until <= now) this.#held.delete(k);
    }
    const held = this.#held.get(key);
    return held && held.until > now ? held : undefined;
  }

  async get(key) {
    return this.#find(key)?.value ?? null;
  }

  async set(key, value, life) {
    this.#held.set(key, { value, until: Date.now() + life });
  }

  async add(key, value, life) {
    if (this.#find(key)) return false;
    this.#held.set(key, { value, until: Date.now() + life });
    return true;
  }

  async swap(key, old, value) {
    const held = this.#find(key);
    if (held?.value !== old) return false;
    held.value = value;
    return true;
  }

  async commit(changes) {
    const isOld = ({ key, old = '' }) => (this.#find(key)?.value ?? '') === old;
    if (!changes.every(isOld)) return false;
    for (const { key, value = '', life = 0 } of changes) {
      const until = life ? Date.now() + life : this.#held.get(key)?.until;
      if (value) this.#held.set(key, { value, until });
      else this.#held.delete(key);
    }
    return true;
  }

  async take(key) {
    const held = this.#find(key);
    this.#held.delete(key);
    return held?.value ?? null;
  }

  async count(key, life) {
    const { value, until } = this.#find(key) ?? { value: '0', until: Date.now() + life };
    const n = Number(value) + 1;
    this.#held.set(key, { value: String(n), until });
    return n;
  }

  close() {}
}

const SWAP = `
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
  return 1
end
return 0`;
const COMMIT = `
for i, key in ipairs(KEYS) do
  if (redis.call('GET', key) or '') ~= ARGV[3 * i - 2] then return 0 end
end
for i, key in ipairs(KEYS) do
  local new, life = ARGV[3 * i - 1], ARGV[3 * i]
  if new == '' then
    redis.call('DEL', key)
  elseif life == '0' then
    redis.call('SET', key, new, 'KEEPTTL')
  else
    redis.call('SET', key, new, 'PX', life)
  end
end
return 1`;
const COUNT = `
local n = redis.call('INCR', KEYS[1])
if n == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return n`;

/** The state of a program of several processes (Redis 6.2 or newer, or Valkey). */
export class Redis {
  #client;

  constructor(client) {
    this.#client = client;
  }

  static async connect(url) {
    const client = createClient({ url, socket: { connectTimeout: 5000, reconnectStrategy: (tries) => (tries > 3 ? false : 200) } });
    client.on('error', () => {}); // whoever asks is told
    await client.connect();
    return new Redis(client);
  }

  async get(key) {
    return this.#client.get(key);
  }

  async set(key, value, life) {
    await this.#client.set(key, value, { PX: life });
  }

  async add(key, value, life) {
    return (await this.#client.set(key, value, { PX: life, NX: true })) !== null;
  }

  async swap(key, old, value) {
    return (await this.#client.eval(SWAP, { keys: [key], arguments: [old, value] })) === 1;
  }

  async commit(changes) {
    const given = changes.flatMap(({ old = '', value = '', life = 0 }) => [old, value, String(life)]);
    return (await this.#client.eval(COMMIT, { keys: changes.map(({ key }) => key), arguments: given })) === 1;
  }

  async take(key) {
    return this.#client.getDel(key);
  }

  async count(key, life) {
    return this.#client.eval(COUNT, { keys: [key], arguments: [String(life)] });
  }

  close() {
    this.#client.destroy();
  }
}
