export { CHALLENGE_CHARSET, createChallengeCode, extractChallengeCode, loginLink } from './challenge.js';
export type { ChallengeOptions } from './challenge.js';
export { PingrError, PingrWebhookError } from './errors.js';
export type {
  AutoReply, From, Message, MessageReceived, PingrEvent, SessionConnected, SessionDisconnected, Trigger,
} from './events.js';
export { verifyWebhook } from './webhook.js';
export type { VerifyOptions } from './webhook.js';
