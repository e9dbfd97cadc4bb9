// What the API answers, as JSON gives it. Times are RFC 3339 in UTC with milliseconds; fields are added over time.

export type Mode = 'live' | 'test';
export type EventName = 'message.received' | 'session.disconnected' | 'session.connected';

/** A message that was sent. */
export interface Sent {
  success: true;
  message_id: string;
  /** Digits only, with country code. */
  to: string;
  session_id: string;
  /** Messages of the plan left this month; null for no limit. */
  rate_limit_remaining: number | null;
}

/** Whether a number is on WhatsApp. */
export interface ResolvedNumber {
  on_whatsapp: boolean;
  /** As WhatsApp spells it, if somebody has the number; digits only, with country code. */
  phone: string;
}

/** A linked WhatsApp number. */
export interface Session {
  id: string;
  name: string;
  /** With a plus; null before linking. */
  number: string | null;
  status: 'connected' | 'connecting' | 'pairing' | 'link_expired' | 'disconnected' | 'restricted' | 'logged_out';
  connectedAt: string | null;
  /** Replies and sends since midnight in the account's time zone. */
  messagesToday: number;
  /** The code that ended the last connection or attempt to link, such as 401. Codes from 1000 are Pingr's own. */
  reason?: number;
  /** What a person should do, in words. */
  detail?: string;
}

/** What to draw as a QR code for the phone to scan, and until when. */
export interface QRCode {
  qr: string;
  expires_at: string;
}

/** A phrase on a session, with its static reply. (`Trigger` is its form in a webhook.) */
export interface TriggerRecord {
  id: string;
  session_id: string;
  trigger_phrase: string;
  reply_message: string;
  is_active: boolean;
  created_at: string;
  updated_at: string;
}

/** Which trigger a text would fire, and why others do not. */
export interface Match {
  /** The text in the form in which it is compared. */
  compared: string;
  fires: TriggerRecord | null;
  others: Array<{ trigger: TriggerRecord; because: 'shorter' | 'inactive' }>;
}

/** The endpoint. Logins see the whole secret, keys only its ends. The old secret signs until it expires. */
export interface Webhook {
  url: string | null;
  events: EventName[];
  secret: string;
  old_secret?: string;
  old_secret_expires_at?: string;
}

/** A new secret, and when it begins to sign `x-pingr-signature`. */
export interface RotatedSecret {
  secret: string;
  signs_from: string;
}

/**
 * Why an answer that was taken gave no reply: something about the answer itself, or, from `answered` on, that its reply came and was not
 * used. A newer server may know more reasons.
 */
export type NoReplyReason =
  | 'content_type' | 'content_encoding' | 'too_long' | 'not_utf8' | 'not_json' | 'not_object'
  | 'no_field' | 'two_fields' | 'not_text' | 'empty' | 'nul'
  | 'answered' | 'cooldown' | 'quota' | 'asked_again';

/** The result of a simulated event. `no_reply_reason` is null for a reply, and for an answer with no reply on purpose. */
export interface Simulation {
  delivered: boolean;
  status_code: number | null;
  dynamic_reply: string | null;
  no_reply_reason: NoReplyReason | null;
  payload_sent: Record<string, unknown>;
}

/** One attempt to post an event to the endpoint. */
export interface Delivery {
  id: string;
  status: 'delivered' | 'failed' | 'simulated';
  url: string;
  http_status: number | null;
  /** Whether the answer's reply was used; for a simulated attempt, whether there was one. */
  dynamic_reply: boolean;
  session_id: string;
  created_at: string;
  event_id: string;
  event: EventName;
  /** Counted from 1. 0: no attempt was made, because the endpoint lets most requests hang. The event is delivered later. */
  attempt: number;
  duration_ms: number;
  error: string | null;
  /** Why an answer that was taken gave no reply; null if the reply was used, or if there is none on purpose. */
  no_reply_reason: NoReplyReason | null;
  /** Whether the event of a failed row can still be sent again. */
  redeliverable: boolean;
}

/** Deliveries, newest first. `next_cursor` is the `before` of the next page, or null on the last page. */
export interface DeliveryPage {
  deliveries: Delivery[];
  count: number;
  next_cursor: string | null;
}

/** How the account answers. */
export interface Settings {
  cooldown_seconds: number;
  no_phone_reply: string | null;
  /** What happens to people whose number WhatsApp hides. `pass` makes `from.phone` of their events null. */
  hidden_numbers: 'refuse' | 'ask' | 'pass';
  /** What they are asked with `ask`; null for the default. */
  number_question: string | null;
  group_reply: 'private' | 'group' | 'off';
  max_message_age_seconds: number;
  disconnect_grace_seconds: number;
  overage: 'block' | 'allow';
  time_zone: string;
}

/** The month's usage of the plan; null for no limit. */
export interface Usage {
  plan: string;
  month: string;
  used: number;
  included: number | null;
  remaining: number | null;
  overage_messages: number;
  /** In millionths of a dollar. */
  overage_cost_micros: number;
}

/** What happened in a period. */
export interface Stats {
  from: string;
  until: string;
  /** Messages that fired a trigger, by how they ended. */
  firings: Record<'dynamic' | 'static' | 'cooldown' | 'quota' | 'expired' | 'no_phone' | 'failed', number>;
  webhooks: number;
  /** Milliseconds that half, and 95 %, of the webhooks took at most; null if there were none. */
  p50_ms: number | null;
  p95_ms: number | null;
}

/** What happened in each hour or day, oldest first, and in total. The last period is not over. */
export interface Statistics {
  range: '24h' | '7d' | '30d' | '90d';
  time_zone: string;
  steps: Stats[];
  total: Stats;
}

/** An API key. `key` is whole only when it is created; later it is its beginning and end. */
export interface Key {
  id: string;
  name: string;
  mode: Mode;
  key: string;
  created_at: string;
  last_used_at: string | null;
  revoked_at: string | null;
}

/** The account that is logged in. */
export interface Account {
  id: string;
  email: string;
  plan: string;
  created_at: string;
}

/** A dashboard login. `token` is as good as the password until it expires. */
export interface Login {
  token: string;
  expires_at: string;
  account: Account;
}

/** An event of the stream. None holds a phone or a text. */
export interface StreamEvent {
  event: 'session' | 'firing' | 'delivery' | (string & {});
  data: Record<string, unknown>;
}
