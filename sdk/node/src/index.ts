export { CHALLENGE_CHARSET, createChallengeCode, extractChallengeCode, loginLink } from './challenge.js';
export type { ChallengeOptions } from './challenge.js';
export { Pingr } from './client.js';
export type { Credentials, EntryOptions } from './client.js';
export { PingrAuthError, PingrError, PingrRateLimitError, PingrValidationError, PingrWebhookError } from './errors.js';
export type { ErrorDetails } from './errors.js';
export type {
  AutoReply, From, Message, MessageReceived, PingrEvent, SessionConnected, SessionDisconnected, Trigger,
} from './events.js';
export { parsePhone } from './phone.js';
export type { DeliveryQuery, SettingsChange, TriggerChange } from './resources.js';
export { SeenInMemory } from './seen.js';
export type { Seen } from './seen.js';
export type { PingrOptions, RequestOptions } from './transport.js';
export type {
  Account, Delivery, DeliveryPage, EventName, Key, Login, Match, Mode, NoReplyReason, QRCode, ResolvedNumber, RotatedSecret,
  Sent, Session, Settings, Simulation, Statistics, Stats, StreamEvent, TriggerRecord, Usage, Webhook,
} from './types.js';
export { verifyWebhook } from './webhook.js';
export type { VerifyOptions } from './webhook.js';
