import {
  AccountSettings, AccountStats, AccountUsage, Auth, Events, Keys, Messages, Numbers, Sessions, Triggers, Webhooks,
} from './resources.js';
import { Transport } from './transport.js';
import type { PingrOptions, RequestOptions } from './transport.js';
import type { PingrEvent } from './events.js';
import type { Login } from './types.js';
import { verifyWebhook } from './webhook.js';

/**
 * A client for Pingr's REST API. It holds no connection of its own, and a whole
 * program may share one. Its methods throw {@link PingrError}s.
 *
 * ```js
 * const pingr = new Pingr(process.env.PINGR_API_KEY);
 * await pingr.messages.send({ to: '919876543210', message: 'Your order is ready.' });
 * ```
 */
export class Pingr {
  readonly messages: Messages;
  readonly numbers: Numbers;
  readonly sessions: Sessions;
  readonly triggers: Triggers;
  readonly webhooks: Webhooks;
  readonly settings: AccountSettings;
  readonly usage: AccountUsage;
  readonly stats: AccountStats;
  readonly keys: Keys;
  readonly auth: Auth;
  readonly events: Events;

  readonly #token: string | undefined;

  /** @param apiKey `pk_live_…` or `pk_test_…`; or null if `options.token` is a login's */
  constructor(apiKey: string | null, options: PingrOptions = {}) {
    const transport = new Transport(apiKey, options);
    this.#token = options.token;
    this.messages = new Messages(transport);
    this.numbers = new Numbers(transport);
    this.sessions = new Sessions(transport);
    this.triggers = new Triggers(transport);
    this.webhooks = new Webhooks(transport);
    this.settings = new AccountSettings(transport);
    this.usage = new AccountUsage(transport);
    this.stats = new AccountStats(transport);
    this.keys = new Keys(transport);
    this.auth = new Auth(transport);
    this.events = new Events(transport);
  }

  /** Logs in and returns a client with a dashboard login, which lasts twelve hours. */
  static login(who: Credentials, options: EntryOptions = {}): Promise<Pingr> {
    return enter('/v1/auth/login', { email: who.email, password: who.password }, options);
  }

  /** Creates an account, if the server allows sign-up, and returns a client with a login. */
  static signUp(who: Credentials, options: EntryOptions = {}): Promise<Pingr> {
    return enter('/v1/auth/signup', { email: who.email, password: who.password }, options);
  }

  /** Creates a server's first account with the token of the link that it printed, and returns a client with a login. */
  static setUp(who: Credentials & { setupToken: string }, options: EntryOptions = {}): Promise<Pingr> {
    return enter('/v1/auth/setup', { token: who.setupToken, email: who.email, password: who.password }, options);
  }

  /** The token of the dashboard login, to keep for another client. It is as good as the password until it ends. */
  get token(): string | undefined {
    return this.#token;
  }

  /** Checks the signature of a webhook and returns its event. See {@link verifyWebhook}. */
  verifyWebhook(...args: Parameters<typeof verifyWebhook>): PingrEvent {
    return verifyWebhook(...args);
  }
}

/** Who logs in. */
export interface Credentials {
  email: string;
  password: string;
}

/** Options of a client with a login. */
export type EntryOptions = Omit<PingrOptions, 'token'> & RequestOptions;

async function enter(path: string, body: object, options: EntryOptions): Promise<Pingr> {
  const { signal, ...rest } = options;
  const transport = new Transport(null, rest, true);
  const { token } = await transport.json<Login>({ method: 'POST', path, body, ...(signal ? { signal } : {}) });
  return new Pingr(null, { ...rest, token });
}
