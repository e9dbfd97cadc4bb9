// Compiled, never run: what the types let a program say.
import { createChallengeCode, extractChallengeCode, loginLink, PingrWebhookError, verifyWebhook } from 'hey-pingr';
import type { PingrEvent } from 'hey-pingr';
import type { IncomingMessage } from 'node:http';

export function handle(req: IncomingMessage, body: Buffer): string | null {
  const event: PingrEvent = verifyWebhook(body, req.headers['x-pingr-signature'], ['new', 'old'], { checkTimestamp: true, now: 1 });
  switch (event.event) {
    case 'message.received': {
      const phone: string = event.from.phone;
      const left: number | undefined = event.auto_reply.status === 'suppressed' && event.auto_reply.reason === 'cooldown'
        ? event.auto_reply.retry_after : undefined;
      return extractChallengeCode(event.message.text, 'login') ?? `${phone} ${left}`;
    }
    case 'session.disconnected':
      // @ts-expect-error a disconnected session sent no message
      void event.message;
      return event.kind === 'terminal' ? String(event.reason) : null;
    case 'session.connected':
      return event.session_id;
  }
}

const code: string = createChallengeCode({ length: 8, charset: 'ABC' });
const link: string = loginLink('919876543210', `login ${code}`);
const name: string = new PingrWebhookError(link).code;
void name;
// @ts-expect-error the options are an object
createChallengeCode(8);
// @ts-expect-error a parsed body is not what was signed
verifyWebhook({ event: 'message.received' }, '', '');
