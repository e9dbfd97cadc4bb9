// Numbers as WhatsApp spells them, which is how events name them.
import { Pingr } from 'hey-pingr';

const RESOLVE_MS = 5000; // a person waits for it

/** Asks Pingr how WhatsApp spells a number, and whether anybody has it. Without --api, takes it as it is. */
export class Numbers {
  #pingr = null;

  constructor({ api, key }) {
    if (api) this.#pingr = new Pingr(key, { baseUrl: api, timeout: RESOLVE_MS });
  }

  /** Null if Pingr did not say. */
  async resolve(phone) {
    if (!this.#pingr) return { phone, onWhatsApp: true };
    try {
      const told = await this.#pingr.numbers.resolve({ phone });
      return { phone: told.phone, onWhatsApp: told.on_whatsapp };
    } catch (error) {
      console.error(`resolve a number: ${error.message}`);
      return null;
    }
  }

  /** Answers a code from a number that may be another spelling of the one typed in, while Pingr does not say. */
  notChecked() {
    return 'We could not check your number. Send the same text again in a minute.';
  }
}
