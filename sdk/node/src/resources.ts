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

/** Messages that your program sends on its own initiative. Replies to triggers need no call. */
export class Messages extends Resource {
  /**
   * Sends a text, and returns when WhatsApp has taken it. With a test key nothing
   * is sent. If it is not known whether a message arrived (`network_error`, 409),
   * send it again with the same `idempotencyKey`: the person sees it once.
   *
   * @param message.to phone with country code
   * @param message.message 1 to 4096 characters
   * @param message.sessionId the session that sends; defaults to any that is connected
   */
  send(message: { to: string; message: string; sessionId?: string; idempotencyKey?: string }, options?: RequestOptions): Promise<t.Sent> {
    const body = { to: message.to, message: message.message, session_id: message.sessionId };
    return this.json('POST', '/v1/send', options, { body, idempotencyKey: message.idempotencyKey, auth: 'key' });
  }
}

/** Phone numbers. */
export class Numbers extends Resource {
  /**
   * Returns whether a number is on WhatsApp, and how WhatsApp spells it:
   * `+55 31 98765-4321` may be `553187654321`, and events name that. Pingr asks
   * WhatsApp at most once a day for a number, and WhatsApp limits questions, so
   * ask only when a person waits for the answer. With a test key, WhatsApp is not
   * asked.
   *
   * @param number.phone number with country code
   * @param number.sessionId the session that asks; defaults to any that is connected
   */
  resolve(number: { phone: string; sessionId?: string }, options?: RequestOptions): Promise<t.ResolvedNumber> {
    const body = { phone: number.phone, session_id: number.sessionId };
    return this.json('POST', '/v1/numbers/resolve', options, { body, auth: 'key' });
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

  /** Unlinks the number at WhatsApp, and deletes the session with its triggers. */
  async delete(sessionId: string, options?: RequestOptions): Promise<void> {
    await this.json('DELETE', session(sessionId), options);
  }

  /** Returns the text of the current QR code, which changes every 20 seconds or so. */
  qr(sessionId: string, options?: RequestOptions): Promise<t.QRCode> {
    return this.json('GET', `${session(sessionId)}/qr`, options);
  }

  /** Returns the current QR code as a PNG image. */
  qrPNG(sessionId: string, options?: RequestOptions): Promise<Uint8Array> {
    return this.bytes(`${session(sessionId)}/qr`, 'image/png', options);
  }

  /** Returns a code to type on that phone instead of scanning. */
  async pairCode(sessionId: string, phone: string, options?: RequestOptions): Promise<string> {
    const more = { body: { phone }, timeout: PAIRING_MS };
    return (await this.json<{ code: string }>('POST', `${session(sessionId)}/pair-code`, options, more)).code;
  }

  /** Disconnects and connects again. */
  reconnect(sessionId: string, options?: RequestOptions): Promise<t.Session> {
    return this.json('POST', `${session(sessionId)}/reconnect`, options);
  }
}

const trigger = (id: string): string => `/v1/triggers/${segment('triggerId', id)}`;

/** The settable fields of a trigger. */
export interface TriggerChange {
  /** 1 to 200 characters; stored in lower case. */
  triggerPhrase?: string;
  /** 1 to 1000 characters. {{phone}} is replaced by the sender's number. */
  replyMessage?: string;
  isActive?: boolean;
}

/** Phrases that people send, with the replies for when the webhook gives none. */
export class Triggers extends Resource {
  /** Returns all triggers, or those of one session. */
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

  /** Changes the given fields and leaves the rest. */
  update(triggerId: string, change: TriggerChange, options?: RequestOptions): Promise<t.TriggerRecord> {
    return this.json('PATCH', trigger(triggerId), options, { body: changed(change) });
  }

  async delete(triggerId: string, options?: RequestOptions): Promise<void> {
    await this.json('DELETE', trigger(triggerId), options);
  }

  /** Reports which trigger of a session a text would fire, without firing it. */
  match(what: { sessionId: string; text: string }, options?: RequestOptions): Promise<t.Match> {
    return this.json('POST', '/v1/match', options, { body: { session_id: what.sessionId, text: what.text } });
  }
}

function changed(c: TriggerChange): object {
  return { trigger_phrase: c.triggerPhrase, reply_message: c.replyMessage, is_active: c.isActive };
}

/** Selects deliveries: at most `limit` (1 to 200), from before a cursor or a time, of one kind. */
export interface DeliveryQuery {
  limit?: number;
  before?: string | Date;
  eventType?: 'webhook.delivered' | 'webhook.failed' | 'webhook.simulated';
}

/** The endpoint that receives events, and the log of deliveries. */
export class Webhooks extends Resource {
  get(options?: RequestOptions): Promise<t.Webhook> {
    return this.json('GET', '/v1/webhooks', options);
  }

  /** Sets the endpoint, and which events it receives (default: as before, at first all). An empty URL removes it. */
  set(endpoint: { url: string; events?: t.EventName[] }, options?: RequestOptions): Promise<t.Webhook> {
    return this.json('PUT', '/v1/webhooks', options, { body: endpoint });
  }

  /** Creates a new secret. The old one signs during the overlap (a day by default). Needs a login. */
  rotateSecret(overlap: { overlapSeconds?: number } = {}, options?: RequestOptions): Promise<t.RotatedSecret> {
    const body = overlap.overlapSeconds === undefined ? undefined : { overlap_seconds: overlap.overlapSeconds };
    return this.json('POST', '/v1/webhooks/rotate-secret', options, { body, auth: 'login' });
  }

  /** Sends the endpoint an event as if somebody had written. Nothing is sent to WhatsApp. Needs a login. */
  simulate(message: { phone: string; message: string; sessionId: string }, options?: RequestOptions): Promise<t.Simulation> {
    const body = { phone: message.phone, message: message.message, session_id: message.sessionId };
    return this.json('POST', '/v1/webhooks/simulate', options, { body, auth: 'login' });
  }

  /** Returns a page of attempts, newest first. */
  deliveries(which: DeliveryQuery = {}, options?: RequestOptions): Promise<t.DeliveryPage> {
    const before = which.before instanceof Date ? which.before.toISOString() : which.before;
    return this.json('GET', '/v1/webhooks/deliveries', options, { query: { limit: which.limit, before, event_type: which.eventType } });
  }

  /** Yields all attempts, newest first, and fetches pages as needed. `limit` is the size of a page. */
  async *allDeliveries(which: DeliveryQuery = {}, options?: RequestOptions): AsyncGenerator<t.Delivery, void, undefined> {
    for (let query: DeliveryQuery = { limit: 200, ...which }; ;) {
      const page = await this.deliveries(query, options);
      yield* page.deliveries;
      if (page.next_cursor === null) return;
      query = { ...query, before: page.next_cursor };
    }
  }

  /** Sends the event of a delivery again now, and returns the event's id. */
  async redeliver(deliveryId: string, options?: RequestOptions): Promise<string> {
    const path = `/v1/webhooks/deliveries/${segment('deliveryId', deliveryId)}/redeliver`;
    return (await this.json<{ event_id: string }>('POST', path, options)).event_id;
  }
}

/** The settings that can be changed. */
export interface SettingsChange {
  /** 0 to 86400; 0 disables the cooldown. */
  cooldownSeconds?: number;
  /** The reply to people whose number WhatsApp hides; null for no reply. */
  noPhoneReply?: string | null;
  groupReply?: t.Settings['group_reply'];
  maxMessageAgeSeconds?: number;
  /** How long a lost link may take to come back before session.disconnected is sent, 0 to 60. */
  disconnectGraceSeconds?: number;
  /** What happens to people whose number WhatsApp hides. `pass` makes `from.phone` of their events null. */
  hiddenNumbers?: t.Settings['hidden_numbers'];
  /** What they are asked with `ask`; null for the default. */
  numberQuestion?: string | null;
  overage?: t.Settings['overage'];
  /** A name of the IANA time zone database. */
  timeZone?: string;
}

/** The settings of the whole account. */
export class AccountSettings extends Resource {
  get(options?: RequestOptions): Promise<t.Settings> {
    return this.json('GET', '/v1/settings', options);
  }

  /** Changes the given fields and leaves the rest. */
  update(change: SettingsChange, options?: RequestOptions): Promise<t.Settings> {
    const body = {
      cooldown_seconds: change.cooldownSeconds, no_phone_reply: change.noPhoneReply, group_reply: change.groupReply,
      max_message_age_seconds: change.maxMessageAgeSeconds, disconnect_grace_seconds: change.disconnectGraceSeconds,
      hidden_numbers: change.hiddenNumbers, number_question: change.numberQuestion,
      overage: change.overage, time_zone: change.timeZone,
    };
    return this.json('PATCH', '/v1/settings', options, { body });
  }
}

/** The messages of this month. */
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

/** API keys. All methods need a login. */
export class Keys extends Resource {
  async list(options?: RequestOptions): Promise<t.Key[]> {
    return (await this.json<{ keys: t.Key[] }>('GET', '/v1/keys', options, { auth: 'login' })).keys;
  }

  /** Creates a key. Only this answer contains the whole key. */
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
   * Changes the password, ends every login including this one, and returns a new
   * one. A wrong current password is a 403 and counts as a failed login.
   */
  changePassword(change: { current: string; next: string }, options?: RequestOptions): Promise<t.Login> {
    const body = { current_password: change.current, new_password: change.next };
    return this.json('POST', '/v1/auth/password', options, { body, auth: 'login' });
  }

  /** Ends the login: its token no longer works anywhere. */
  async logout(options?: RequestOptions): Promise<void> {
    await this.json('POST', '/v1/auth/logout', options, { auth: 'login' });
  }
}

/** Events as they happen. */
export class Events extends Resource {
  /**
   * Yields events until the server ends the stream, the signal aborts or the loop
   * is left. A broken connection is a `network_error`; a connection that died
   * silently is one after 40 seconds.
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
