import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { PingrError } from './errors.js';

/**
 * Remembers the deliveries that a webhook received, so that each is accepted once.
 * Pingr signs every attempt separately, so a request that repeats the same bytes does not
 * come from Pingr.
 */
export interface Seen {
  /**
   * Remembers a key for at least `lifeMs` milliseconds and reports whether it was
   * new. It must be one atomic step across all processes that receive the webhook,
   * such as `SET … NX` in Redis or an `INSERT` under a primary key in SQL. The key
   * is 64 hex digits. If it throws, the answer is 500.
   */
  add(key: string, lifeMs: number): boolean | Promise<boolean>;
}

// A body may be stamped five minutes ahead, verifies for five more, and may meet
// a process whose clock is another five behind.
const LIFE_MS = 15 * 60 * 1000;
const MOST = 100_000;

/**
 * A {@link Seen} for a program of one process. It forgets when the process ends;
 * what was signed up to five minutes before can then be sent again. A site that
 * must prevent that, or that has several processes, needs a store of its own. It
 * holds 100,000 deliveries, and throws on more until the oldest expire.
 */
export class SeenInMemory implements Seen {
  readonly #until = new Map<string, number>(); // in order of arrival

  add(key: string, lifeMs: number): boolean {
    const now = performance.now(); // nobody sets it back
    for (const [old, end] of this.#until) {
      if (end > now) break;
      this.#until.delete(old);
    }
    if ((this.#until.get(key) ?? 0) > now) return false;
    if (this.#until.size >= MOST) {
      throw new PingrError('SeenInMemory is full: 100,000 deliveries within 15 minutes need a store of your own', 'seen_full');
    }
    this.#until.delete(key); // it is the last now
    this.#until.set(key, now + lifeMs);
    return true;
  }
}

/** Reports whether a verified body comes for the first time, whatever its signature and headers. */
export async function isFirst(seen: Seen, body: Uint8Array): Promise<boolean> {
  return seen.add(createHash('sha256').update(body).digest('hex'), LIFE_MS);
}
