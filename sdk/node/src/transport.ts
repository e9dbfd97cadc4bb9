import { PingrAuthError, PingrError, PingrRateLimitError, PingrValidationError } from './errors.js';
import { VERSION } from './version.js';

/** Options of a {@link Pingr} client. */
export interface PingrOptions {
  /** The URL of the API. Defaults to `https://api.heypingr.com`. */
  baseUrl?: string;
  /** The token of a dashboard login, for what a key may not do (keys, simulate, rotateSecret). */
  token?: string;
  /** The mode that a login acts on; a key has its own. Defaults to `live`. */
  mode?: 'live' | 'test';
  /** How long an answer may take, in milliseconds. Defaults to 15000; pairing codes get a minute. */
  timeout?: number;
  /** How often a request that was refused with 429 is repeated after its Retry-After. Defaults to 0. */
  maxRetries?: number;
  /** The longest Retry-After to wait for, in milliseconds; a longer one fails at once. Defaults to 60000. */
  maxRetryWait?: number;
  /** Used instead of the global `fetch`. */
  fetch?: typeof globalThis.fetch;
}

/** The last argument of every method. */
export interface RequestOptions {
  /** Ends the request. The promise then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** One request, without its caller. */
export interface Ask extends RequestOptions {
  method: string;
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: object | undefined;
  idempotencyKey?: string | undefined;
  accept?: string;
  /** What the route accepts: a key or a login (either), only a login, or only a key. */
  auth?: 'either' | 'login' | 'key';
  /** The shortest useful timeout, in milliseconds. */
  timeout?: number;
}

// A longer timer ends at once.
const LONGEST_TIMER = 2 ** 31 - 1;
const VISIBLE = /^[\x21-\x7e]+$/;

const DEFAULT_BASE = 'https://api.heypingr.com';

/** Makes requests. Its credentials are private, so that no log shows a key. */
export class Transport {
  readonly #base: string;
  readonly #key: string | undefined;
  readonly #token: string | undefined;
  readonly #mode: 'live' | 'test';
  readonly #options: { timeout: number; maxRetries: number; maxRetryWait: number };
  readonly #place: string = '';
  readonly #fetch: typeof globalThis.fetch;

  /** @param anonymous whether it may have neither key nor login, in order to log in */
  constructor(apiKey: string | null, options: PingrOptions, anonymous = false) {
    if (!anonymous && (apiKey !== null || options.token === undefined)) checkKey(apiKey);
    if (options.token !== undefined && !VISIBLE.test(options.token)) throw new PingrError('Invalid login token', 'invalid_token');
    this.#base = checkBase(options.baseUrl ?? DEFAULT_BASE);
    // Who forgot baseUrl does not know where the request went.
    if (options.baseUrl === undefined) this.#place = ` (${DEFAULT_BASE}, because no baseUrl is given)`;
    this.#key = apiKey ?? undefined;
    this.#token = options.token;
    this.#mode = options.mode ?? 'live';
    this.#options = {
      timeout: options.timeout ?? 15_000, maxRetries: options.maxRetries ?? 0, maxRetryWait: options.maxRetryWait ?? 60_000,
    };
    this.#fetch = options.fetch ?? globalThis.fetch;
  }

  /** Requests JSON. An empty answer is undefined. */
  async json<T>(ask: Ask): Promise<T> {
    const { response, body } = await this.#ask(ask);
    if (body.length === 0) return undefined as T;
    try {
      return JSON.parse(new TextDecoder().decode(body)) as T;
    } catch {
      throw new PingrError("The answer is not JSON. Is baseUrl the address of Pingr's API?", 'invalid_response', details(response));
    }
  }

  /** Requests bytes. */
  async bytes(ask: Ask): Promise<Uint8Array> {
    return (await this.#ask(ask)).body;
  }

  /** Requests a stream. The timeout is for its beginning. */
  async stream(ask: Ask): Promise<ReadableStream<Uint8Array>> {
    const gone = new AbortController();
    const release = follow(ask.signal, gone);
    const timer = setTimeout(() => gone.abort(late(this.#place)), this.#options.timeout);
    try {
      const response = await this.#once(ask, gone.signal);
      if (response.ok && response.body !== null) return response.body; // which the signal can end: it is not released
      const body = await response.arrayBuffer().catch(() => new ArrayBuffer(0)); // the status says enough
      throw errorOf(response, new Uint8Array(body));
    } catch (e) {
      release();
      throw e;
    } finally {
      clearTimeout(timer);
    }
  }

  async #ask(ask: Ask): Promise<{ response: Response; body: Uint8Array }> {
    for (let tried = 0; ; tried++) {
      const timeout = Math.max(this.#options.timeout, ask.timeout ?? 0);
      const gone = new AbortController();
      const release = follow(ask.signal, gone);
      const timer = setTimeout(() => gone.abort(late(this.#place)), timeout);
      let response: Response;
      let body: Uint8Array;
      try {
        response = await this.#once(ask, gone.signal);
        body = new Uint8Array(await response.arrayBuffer().catch((e: unknown) => {
          throw gone.signal.aborted ? gone.signal.reason : networkError(e, this.#place);
        }));
      } finally {
        clearTimeout(timer);
        release();
      }
      if (response.ok) return { response, body };
      const error = errorOf(response, body);
      if (response.status !== 429 || error.retryAfter === undefined || tried >= this.#options.maxRetries) throw error;
      const wait = error.retryAfter * 1000;
      if (wait > Math.min(this.#options.maxRetryWait, LONGEST_TIMER)) throw error;
      await pause(wait, ask.signal);
    }
  }

  async #once(ask: Ask, signal: AbortSignal): Promise<Response> {
    try {
      return await this.#fetch(this.#url(ask), {
        method: ask.method,
        headers: this.#headers(ask),
        redirect: 'manual', // the key is for nobody else
        signal,
        ...(ask.body === undefined ? {} : { body: JSON.stringify(ask.body) }),
      });
    } catch (e) {
      if (e instanceof PingrError) throw e;
      throw signal.aborted ? signal.reason : networkError(e, this.#place);
    }
  }

  #byToken(ask: Ask): boolean {
    return this.#token !== undefined && (ask.auth === 'login' || (ask.auth !== 'key' && this.#key === undefined));
  }

  #url(ask: Ask): string {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(ask.query ?? {})) {
      if (value !== undefined) query.set(name, String(value));
    }
    if (this.#mode === 'test' && this.#byToken(ask)) query.set('mode', 'test');
    return this.#base + ask.path + (query.size > 0 ? `?${query}` : '');
  }

  #headers(ask: Ask): Record<string, string> {
    const headers: Record<string, string> = { accept: ask.accept ?? 'application/json', 'user-agent': `pingr-node/${VERSION}` };
    if (ask.body !== undefined) headers['content-type'] = 'application/json';
    if (ask.idempotencyKey !== undefined) {
      if (!VISIBLE.test(ask.idempotencyKey)) {
        throw new PingrValidationError('idempotencyKey: must be visible ASCII characters without spaces');
      }
      headers['idempotency-key'] = ask.idempotencyKey;
    }
    if (this.#byToken(ask)) headers['authorization'] = `Bearer ${this.#token}`;
    else if (this.#key !== undefined) headers['x-api-key'] = this.#key;
    return headers;
  }
}

/** Escapes an id for a path. An empty id or dots would change the path. */
export function segment(name: string, value: string): string {
  if (typeof value !== 'string' || value === '' || value === '.' || value === '..') {
    throw new PingrValidationError(`${name}: is required`);
  }
  return encodeURIComponent(value);
}

function checkKey(key: string | null): void {
  if (!key || typeof key !== 'string') throw new PingrError('API key is required', 'missing_api_key');
  if (!/^pk_(live|test)_/.test(key) || !VISIBLE.test(key)) {
    throw new PingrError(
      'Invalid API key format. Keys start with pk_live_ or pk_test_, and hold no space or line break', 'invalid_api_key');
  }
}

function checkBase(base: string): string {
  const url = URL.canParse(base) ? new URL(base) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash) {
    throw new PingrError('baseUrl is not like https://pingr.example.com, without user name and query', 'invalid_base_url');
  }
  return url.href.replace(/\/+$/, '');
}

/** Lets a caller's signal abort ours, until the returned function is called. (AbortSignal.any came with Node 20.3.) */
export function follow(outer: AbortSignal | undefined, ours: AbortController): () => void {
  const pass = (): void => ours.abort(outer?.reason);
  if (outer?.aborted) pass();
  else outer?.addEventListener('abort', pass, { once: true });
  return () => outer?.removeEventListener('abort', pass);
}

function late(place: string): PingrError {
  return new PingrError(`Network error: the server did not answer in time${place}`, 'network_error');
}

/** Describes a broken connection with the cause's own words, which hold nothing of the request. */
export function networkError(e: unknown, place = ''): PingrError {
  const cause = e instanceof Error ? (e.cause ?? e) : e;
  const code = (cause as { code?: unknown } | null)?.code;
  const says = cause instanceof Error && cause.message !== '' ? cause.message : typeof code === 'string' ? code : 'no connection';
  return new PingrError(`Network error: ${says}${place}`, 'network_error');
}

function details(response: Response): { status: number; requestId: string | undefined } {
  return { status: response.status, requestId: response.headers.get('x-request-id') ?? undefined };
}

/** Returns the error for an answer. */
function errorOf(response: Response, body: Uint8Array): PingrError {
  const detail = detailOf(body);
  const message = text(detail['message']) ?? `The server answered ${response.status}`;
  const code = text(detail['error']);
  const about = {
    ...details(response),
    retryAfter: wholeSeconds(response.headers.get('retry-after')) ?? wholeSeconds(detail['retry_after']),
  };
  switch (response.status) {
    case 401: return new PingrAuthError(message, about);
    case 422: return new PingrValidationError(message, about);
    case 429: return new PingrRateLimitError(message, code, about);
    default: return new PingrError(message, code, about);
  }
}

function detailOf(body: Uint8Array): Record<string, unknown> {
  try {
    const { detail } = JSON.parse(new TextDecoder().decode(body)) as { detail?: unknown };
    if (typeof detail === 'string') return { message: detail };
    return typeof detail === 'object' && detail !== null ? { ...detail } : {};
  } catch {
    return {};
  }
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function wholeSeconds(value: unknown): number | undefined {
  return /^\d{1,9}$/.test(String(value)) ? Number(value) : undefined;
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
