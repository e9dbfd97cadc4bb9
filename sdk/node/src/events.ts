/**
 * What a webhook receives. `event` is its type. Types are added over time, so
 * ignore an `event` that you do not know.
 */
export type PingrEvent = MessageReceived | SessionDisconnected | SessionConnected;

interface Common {
  /** The session (linked WhatsApp number) of the event. */
  session_id: string;
  /** When this attempt was signed, in Unix milliseconds. */
  timestamp: number;
  /** `evt_…`, the same on every attempt. Use it to recognize duplicates. */
  id: string;
}

/** Somebody sent a text that fired a trigger. */
export interface MessageReceived extends Common {
  event: 'message.received';
  from: From;
  message: Message;
  trigger: Trigger;
  auto_reply: AutoReply;
  /** Set if the dashboard or the API simulated the message: log nobody in. */
  _simulated?: true;
}

/** The session has lost its link to WhatsApp. */
export interface SessionDisconnected extends Common {
  event: 'session.disconnected';
  /** `terminal`: a person must act. `transient`: the session comes back by itself. */
  kind: 'terminal' | 'transient';
  /** WhatsApp's reason, such as 401 for logged out. Absent if there is none. */
  reason?: number;
  /** When a temporary ban ends, in Unix milliseconds. */
  expires_at?: number;
}

/** A session that was reported disconnected is back. */
export interface SessionConnected extends Common {
  event: 'session.connected';
}

/** The person who wrote the message. */
export interface From {
  /**
   * Digits only, with country code: `919876543210`. null only if WhatsApp hides the number and the account's
   * `hidden_numbers` is `pass`.
   */
  phone: string | null;
  jid: string;
  /** Whether the message was written in a group, and in which. */
  is_group: boolean;
  group_jid: string | null;
  /** The person's hidden id, if known. */
  lid?: string;
  /** `per_…`: the person's id in this account. It stays the same when the number changes. */
  person: string;
  /**
   * Set if another person had the number before: when it came to this one, in Unix milliseconds, as far as Pingr knows.
   * An account that last logged in with the number before then is somebody else's.
   */
  phone_since?: number;
}

/** What the person wrote. */
export interface Message {
  text: string;
  type: string;
  id: string;
  /** When the message was sent according to WhatsApp, in Unix milliseconds. */
  timestamp: number;
  /** Set if the sender's WhatsApp marked it as forwarded from another chat: a code in it may be somebody else's. */
  forwarded?: true;
}

/** The trigger that fired. */
export interface Trigger {
  id: string;
  phrase: string;
}

/**
 * Whether a reply will follow. This is binding. If none follows, `reason` says why: the person is in cooldown for
 * `retry_after` more seconds (also while an earlier message of theirs is being answered), the month's messages are
 * used up, or the reply was decided before this attempt.
 */
export type AutoReply =
  | { status: 'pending' }
  | { status: 'suppressed'; reason: 'cooldown'; retry_after: number }
  | { status: 'suppressed'; reason: 'quota' | 'answered' };
