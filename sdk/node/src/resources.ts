import { PingrError } from './errors.js';
import { follow, networkError, segment } from './transport.js';
import type { Ask, RequestOptions, Transport } from './transport.js';
import type * as t from './types.js';

// WhatsApp is asked for a pairing code while the server waits.
const PAIRING_MS = 60_000;
// The server's heartbeat is every 15 seconds.
const SILENCE_MS = 40_000;

class Resource {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  protected json<T>(method: string, path: string, options: RequestOptions = {}, more: Partial<Ask> = {}): Promise<T> {
    return this.#transport.json<T>({ method, path, ...more, ...options });
  }

  protected bytes(path: string, accept: string, options: RequestOptions = {}): Promise<Uint8Array> {
    return this.#transport.bytes({ method: 'GET', path, accept, ...options });
  }

  protected stream(path: string, options: RequestOptions = {}): Promise<ReadableStream<Uint8Array>> {
    return this.#transport.stream({ method: 'GET', path, accept: 'text/event-stream', ...options });
  }
}

/** Messages of your own accord. Replies to triggers need no call. */
export class Messages extends Resource {
  /**
   * Sends a text, and answers when WhatsApp has taken it. With a test key
   * nothing is sent. When it is not known whether a message arrived
   * (`network_error`, 409), ask again with the same `idempotencyKey`: the person
   * sees it once.
   *
   * @param message.to phone with country code
   * @param message.message 1 to 4096 characters
   * @param message.sessionId which session sends; default: any that is connected
   */
  send(message: { to: string; message: string; sessionId?: string; idempotencyKey?: string }, options?: RequestOptions): Promise<t.Sent> {
    const body = { to: message.to, message: message.message, session_id: message.sessionId };
    return this.json('POST', '/v1/send', options, { body, idempotencyKey: message.idempotencyKey, auth: 'key' });
  }
}

const session = (id: string): string => `/v1/sessions/${segment('sessionId', id)}`;

/** Linked WhatsApp numbers. */
export class Sessions extends Resource {
  async list(options?: RequestOptions): Promise<t.Session[]> {
    return (await this.json<{ sessions: t.Session[] }>('GET', '/v1/sessions', options)).sessions;
  }

  /** Adds a session and begins to link it: ask for its {@link qr} or a {@link pairCode} next. */
  create(fresh: { name: string; id?: string }, options?: RequestOptions): Promise<t.Session> {
    return this.json('POST', '/v1/sessions', options, { body: fresh });
  }

  get(sessionId: string, options?: RequestOptions): Promise<t.Session> {
    return this.json('GET', session(sessionId), options);
  }

  rename(sessionId: string, name: string, options?: RequestOptions): Promise<t.Session> {
    return this.json('PATCH', session(sessionId), options, { body: { name } });
  }

  /** Unlinks the number at WhatsApp, and forgets the session with its triggers. */
  async delete(sessionId: string, options?: RequestOptions): Promise<void> {
    await this.json('DELETE', session(sessionId), options);
  }

  /** The text of the QR code of this moment; it changes every 20 seconds or so. */
  qr(sessionId: string, options?: RequestOptions): Promise<t.QRCode> {
    return this.json('GET', `${session(sessionId)}/qr`, options);
  }

  /** The same as a PNG image. */
  qrPNG(sessionId: string, options?: RequestOptions): Promise<Uint8Array> {
    return this.bytes(`${session(sessionId)}/qr`, 'image/png', options);
  }

  /** A code to type on that phone, in place of scanning. */
  async pairCode(sessionId: string, phone: string, options?: RequestOptions): Promise<string> {
    const more = { body: { phone }, timeout: PAIRING_MS };
    return (await this.json<{ code: string }>('POST', `${session(sessionId)}/pair-code`, options, more)).code;
  }

  /** Hangs up and connects again. */
  reconnect(sessionId: string, options?: RequestOptions): Promise<t.Session> {
    return this.json('POST', `${session(sessionId)}/reconnect`, options);
  }
}

const trigger = (id: string): string => `/v1/triggers/${segment('triggerId', id)}`;

/** What can be given of a trigger. */
export interface TriggerChange {
  /** 1 to 200 characters; stored in lower case. */
  triggerPhrase?: string;
  /** 1 to 1000 characters; {{phone}} stands for the sender's number. */
  replyMessage?: string;
  isActive?: boolean;
}

/** Phrases that people write, and what they are answered when the webhook answers nothing. */
export class Triggers extends Resource {
  /** All triggers, or those of one session. */
  async list(of: { sessionId?: string } = {}, options?: RequestOptions): Promise<t.TriggerRecord[]> {
    const more = { query: { session_id: of.sessionId } };
    return (await this.json<{ triggers: t.TriggerRecord[] }>('GET', '/v1/triggers', options, more)).triggers;
  }

  create(
    fresh: TriggerChange & { sessionId: string; triggerPhrase: string; replyMessage: string }, options?: RequestOptions,
  ): Promise<t.TriggerRecord> {
    return this.json('POST', '/v1/triggers', options, { body: { session_id: fresh.sessionId, ...changed(fresh) } });
  }

  get(triggerId: string, options?: RequestOptions): Promise<t.TriggerRecord> {
    return this.json('GET', trigger(triggerId), options);
  }

  /** Changes what is given, and leaves the rest. */
  update(triggerId: string, change: TriggerChange, options?: RequestOptions): Promise<t.TriggerRecord> {
    return this.json('PATCH', trigger(triggerId), options, { body: changed(change) });
  }

  async delete(triggerId: string, options?: RequestOptions): Promise<void> {
    await this.json('DELETE', trigger(triggerId), options);
  }

  /** Which trigger of a session a text would fire. Nothing fires. */
  match(what: { sessionId: string; text: string }, options?: RequestOptions): Promise<t.Match> {
    return this.json('POST', '/v1/match', options, { body: { session_id: what.sessionId, text: what.text } });
  }
}

function changed(c: TriggerChange): object {
  return { trigger_phrase: c.triggerPhrase, reply_message: c.replyMessage, is_active: c.isActive };
}

/** Which deliveries: at most `limit` (1 to 200) before a cursor or a time, of one kind. */
export interface DeliveryQuery {
  limit?: number;
  before?: string | Date;
  eventType?: 'webhook.delivered' | 'webhook.failed' | 'webhook.simulated';
}

/** The endpoint that is told of events, and the log of what it was told. */
export class Webhooks extends Resource {
  get(options?: RequestOptions): Promise<t.Webhook> {
    return this.json('GET', '/v1/webhooks', options);
  }

  /** Sets the endpoint, and which events it is told (default: as before, at first all). An empty URL removes it. */
  set(endpoint: { url: string; events?: t.EventName[] }, options?: RequestOptions): Promise<t.Webhook> {
    return this.json('PUT', '/v1/webhooks', options, { body: endpoint });
  }

  /** Makes a new secret; the old one signs for the overlap (default: a day). Needs a login. */
  rotateSecret(overlap: { overlapSeconds?: number } = {}, options?: RequestOptions): Promise<t.RotatedSecret> {
    const body = overlap.overlapSeconds === undefined ? undefined : { overlap_seconds: overlap.overlapSeconds };
    return this.json('POST', '/v1/webhooks/rotate-secret', options, { body, auth: 'login' });
  }

  /** Sends the endpoint an event as if somebody had written. Nothing is sent to WhatsApp. Needs a login. */
  simulate(message: { phone: string; message: string; sessionId: string }, options?: RequestOptions): Promise<t.Simulation> {
    const body = { phone: message.phone, message: message.message, session_id: message.sessionId };
    return this.json('POST', '/v1/webhooks/simulate', options, { body, auth: 'login' });
  }

  /** A page of attempts, newest first. */
  deliveries(which: DeliveryQuery = {}, options?: RequestOptions): Promise<t.DeliveryPage> {
    const before = which.before instanceof Date ? which.before.toISOString() : which.before;
    return this.json('GET', '/v1/webhooks/deliveries', options, { query: { limit: which.limit, before, event_type: which.eventType } });
  }

  /** All attempts, newest first, page after page as they are asked for; `limit` is the size of a page. */
  async *allDeliveries(which: DeliveryQuery = {}, options?: RequestOptions): AsyncGenerator<t.Delivery, void, undefined> {
    for (let query: DeliveryQuery = { limit: 200, ...which }; ;) {
      const page = await this.deliveries(query, options);
      yield* page.deliveries;
      if (page.next_cursor === null) return;
      query = { ...query, before: page.next_cursor };
    }
  }

  /** Sends the event of a delivery again now, and answers its id. */
  async redeliver(deliveryId: string, options?: RequestOptions): Promise<string> {
    const path = `/v1/webhooks/deliveries/${segment('deliveryId', deliveryId)}/redeliver`;
    return (await this.json<{ event_id: string }>('POST', path, options)).event_id;
  }
}

/** What can be given of the settings. */
export interface SettingsChange {
  /** 0 to 86400; 0: none. */
  cooldownSeconds?: number;
  /** What people are answered whose number WhatsApp hides; null: nothing. */
  noPhoneReply?: string | null;
  groupReply?: t.Settings['group_reply'];
  maxMessageAgeSeconds?: number;
  /** How long a lost link may take to come back before session.disconnected is told, 0 to 60. */
  disconnectGraceSeconds?: number;
  overage?: t.Settings['overage'];
  /** A name of the IANA time zone database. */
  timeZone?: string;
}

/** What holds for the whole account. */
export class AccountSettings extends Resource {
  get(options?: RequestOptions): Promise<t.Settings> {
    return this.json('GET', '/v1/settings', options);
  }

  /** Changes what is given, and leaves the rest. */
  update(change: SettingsChange, options?: RequestOptions): Promise<t.Settings> {
    const body = {
      cooldown_seconds: change.cooldownSeconds, no_phone_reply: change.noPhoneReply, group_reply: change.groupReply,
      max_message_age_seconds: change.maxMessageAgeSeconds, disconnect_grace_seconds: change.disconnectGraceSeconds,
      overage: change.overage, time_zone: change.timeZone,
    };
    return this.json('PATCH', '/v1/settings', options, { body });
  }
}

/** Messages of this month. */
export class AccountUsage extends Resource {
  get(options?: RequestOptions): Promise<t.Usage> {
    return this.json('GET', '/v1/usage', options);
  }
}

/** Firings and webhook times, for charts. */
export class AccountStats extends Resource {
  get(of: { range?: t.Statistics['range']; timeZone?: string } = {}, options?: RequestOptions): Promise<t.Statistics> {
    return this.json('GET', '/v1/stats', options, { query: { range: of.range, time_zone: of.timeZone } });
  }
}

/** API keys. All of it needs a login. */
export class Keys extends Resource {
  async list(options?: RequestOptions): Promise<t.Key[]> {
    return (await this.json<{ keys: t.Key[] }>('GET', '/v1/keys', options, { auth: 'login' })).keys;
  }

  /** Makes a key; the answer is the one time that it is shown. */
  create(fresh: { mode: t.Mode; name?: string }, options?: RequestOptions): Promise<t.Key> {
    return this.json('POST', '/v1/keys', options, { body: fresh, auth: 'login' });
  }

  async revoke(keyId: string, options?: RequestOptions): Promise<void> {
    await this.json('DELETE', `/v1/keys/${segment('keyId', keyId)}`, options, { auth: 'login' });
  }
}

/** The login. */
export class Auth extends Resource {
  me(options?: RequestOptions): Promise<t.Account> {
    return this.json('GET', '/v1/auth/me', options, { auth: 'login' });
  }

  /**
   * Changes the password and ends every login, this one too; returns a new one.
   * A wrong current password is a 403 and counts like a failed login.
   */
  changePassword(change: { current: string; next: string }, options?: RequestOptions): Promise<t.Login> {
    const body = { current_password: change.current, new_password: change.next };
    return this.json('POST', '/v1/auth/password', options, { body, auth: 'login' });
  }

  /** Makes the token useless, wherever it is. */
  async logout(options?: RequestOptions): Promise<void> {
    await this.json('POST', '/v1/auth/logout', options, { auth: 'login' });
  }
}

/** What happens, as it happens. */
export class Events extends Resource {
  /**
   * Yields events until the server ends the stream, the signal aborts or the
   * loop is left. A connection that breaks is a `network_error`, one that has
   * died silently after 40 seconds.
   */
  async *listen(options: RequestOptions = {}): AsyncGenerator<t.StreamEvent, void, undefined> {
    const silent = new AbortController();
    const release = follow(options.signal, silent);
    try {
      yield* this.#read(silent);
    } finally {
      release();
    }
  }

  async *#read(silent: AbortController): AsyncGenerator<t.StreamEvent, void, undefined> {
    const { signal } = silent;
    const reader = (await this.stream('/v1/events', { signal })).pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    const read = async () => {
      // Only while we wait for the server: the loop may take its time with an event.
      const timer = setTimeout(() => silent.abort(new PingrError('Network error: the stream fell silent', 'network_error')), SILENCE_MS);
      try {
        return await reader.read();
      } catch (e) {
        throw signal.aborted ? signal.reason : networkError(e);
      } finally {
        clearTimeout(timer);
      }
    };
    try {
      for (;;) {
        const { value, done } = await read();
        if (done) return;
        const blocks = (rest + value).split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) {
          const event = parseEvent(block);
          if (event !== undefined) yield event;
        }
      }
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  }
}

function parseEvent(block: string): t.StreamEvent | undefined {
  const fields: Record<string, string> = {};
  for (const line of block.split('\n')) {
    const [, name, value] = /^(event|data): ?(.*)$/.exec(line) ?? [];
    if (name !== undefined) fields[name] = value ?? '';
  }
  if (fields['data'] === undefined) return undefined; // a comment: the stream lives
  return { event: fields['event'] ?? 'message', data: JSON.parse(fields['data']) as Record<string, unknown> };
}
