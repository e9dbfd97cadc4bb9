/**
 * What a webhook tells; `event` says which one it is. Types are added over
 * time: ignore an `event` that you do not know.
 */
export type PingrEvent = MessageReceived | SessionDisconnected | SessionConnected;

interface Common {
  /** The session (linked WhatsApp number) that it is about. */
  session_id: string;
  /** When this attempt was signed, in Unix milliseconds. */
  timestamp: number;
  /** `evt_…`, the same on every attempt: use it to tell duplicates. */
  id: string;
}

/** Somebody sent a text that fired a trigger. */
export interface MessageReceived extends Common {
  event: 'message.received';
  from: From;
  message: Message;
  trigger: Trigger;
  auto_reply: AutoReply;
  /** Set when the dashboard or the API simulated the message: log nobody in. */
  _simulated?: true;
}

/** The session has lost its link to WhatsApp. */
export interface SessionDisconnected extends Common {
  event: 'session.disconnected';
  /** `terminal`: a person must act. `transient`: it will come back by itself. */
  kind: 'terminal' | 'transient';
  /** WhatsApp's reason, such as 401 for logged out; absent when there is none. */
  reason?: number;
  /** When a temporary ban ends, in Unix milliseconds. */
  expires_at?: number;
}

/** A session that was reported disconnected is back. */
export interface SessionConnected extends Common {
  event: 'session.connected';
}

/** Who wrote. */
export interface From {
  /** Digits only, with country code: `919876543210`. */
  phone: string;
  jid: string;
  /** Whether it was written in a group, and which. */
  is_group: boolean;
  group_jid: string | null;
  /** The person's hidden id, when known. */
  lid?: string;
}

/** What was written. */
export interface Message {
  text: string;
  type: string;
  id: string;
  /** When WhatsApp says it was sent, in Unix milliseconds. */
  timestamp: number;
  /** Set when it came from another chat, as the sender's WhatsApp says: a code in it may be somebody else's. */
  forwarded?: true;
}

/** The trigger that fired. */
export interface Trigger {
  id: string;
  phrase: string;
}

/**
 * Whether a reply will follow; what it says holds. If none does, why: the person is in cooldown, for so many seconds more (also while
 * an earlier message of theirs is being answered); the month's messages are used up; or the reply was decided before this attempt.
 */
export type AutoReply =
  | { status: 'pending' }
  | { status: 'suppressed'; reason: 'cooldown'; retry_after: number }
  | { status: 'suppressed'; reason: 'quota' | 'answered' };
