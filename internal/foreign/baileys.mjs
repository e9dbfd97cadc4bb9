// Baileys as clients of the loopback WhatsApp, driven by a test in Go.
//
// Standard input and output are lines of JSON. A request is {"n", "client", "do", ...},
// its answer {"n", "result"} or {"n", "error"}. What happens to a client comes as
// {"client", "event", ...}. The program ends with its input.
//
// Environment: LOOPBACK_URL, LOOPBACK_CERT_KEY (hex), and NODE_EXTRA_CA_CERTS.
import { createInterface } from "node:readline";
import makeWASocket, { BufferJSON, DisconnectReason, downloadMediaMessage, initAuthCreds, proto, WA_CERT_DETAILS } from "baileys";

WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(process.env.LOOPBACK_CERT_KEY, "hex");

const emit = (line) => process.stdout.write(JSON.stringify(line) + "\n");

// Only errors, and those to standard error, which a failed test shows.
const logger = {
  level: process.env.BAILEYS_LOG ?? "silent",
  child: () => logger,
  trace: () => {}, debug: () => {}, info: () => {},
  warn: (...args) => logger.level === "silent" || console.error("warn", ...args),
  error: (...args) => logger.level === "silent" || console.error("error", ...args),
};
if (logger.level === "trace") logger.trace = ({ xml, msg }) => xml && console.error(msg, xml);
console.log = console.info = (...args) => logger.level === "silent" || console.error(...args); // libsignal prints

// memory is an auth state that keeps what a file would: text.
function memory() {
  const pack = (value) => JSON.stringify(value, BufferJSON.replacer);
  const unpack = (text) => JSON.parse(text, BufferJSON.reviver);
  const kept = new Map();
  return {
    creds: initAuthCreds(),
    keys: {
      get: async (type, ids) => Object.fromEntries(ids.flatMap((id) => {
        const text = kept.get(`${type} ${id}`);
        if (text === undefined) return [];
        const value = unpack(text);
        return [[id, type === "app-state-sync-key" ? proto.Message.AppStateSyncKeyData.fromObject(value) : value]];
      })),
      set: async (data) => {
        for (const [type, values] of Object.entries(data)) {
          for (const [id, value] of Object.entries(values)) {
            if (value) kept.set(`${type} ${id}`, pack(value));
            else kept.delete(`${type} ${id}`);
          }
        }
      },
    },
  };
}

const textOf = (m) =>
  m?.conversation ?? m?.extendedTextMessage?.text ?? m?.imageMessage?.caption ?? m?.reactionMessage?.text
  ?? (m?.editedMessage ? textOf(m.editedMessage.message?.protocolMessage?.editedMessage) : undefined)
  ?? (m?.protocolMessage?.editedMessage ? textOf(m.protocolMessage.editedMessage) : undefined)
  ?? (m?.ephemeralMessage ? textOf(m.ephemeralMessage.message) : undefined)
  ?? (m?.documentWithCaptionMessage ? m.documentWithCaptionMessage.message?.documentMessage?.caption : undefined) ?? "";

class Client {
  constructor(name) {
    this.name = name;
    this.auth = memory();
    this.sent = new Map();
    this.received = new Map();
  }

  tell(event, rest) { emit({ client: this.name, event, ...rest }); }

  // open connects, with the keys of the last time.
  open({ dirty } = {}) {
    const sock = makeWASocket({
      auth: this.auth, logger, waWebSocketUrl: process.env.LOOPBACK_URL, syncFullHistory: false,
      markOnlineOnConnect: dirty !== true, retryRequestDelayMs: 10,
      getMessage: async (key) => this.sent.get(key.id),
    });
    this.sock = sock;
    sock.ev.on("creds.update", (update) => Object.assign(this.auth.creds, update));
    sock.ev.on("connection.update", (u) => {
      if (u.qr) this.tell("qr", { qr: u.qr });
      if (u.connection === "open") this.tell("open", { id: sock.user.id, lid: this.auth.creds.me.lid });
      if (u.receivedPendingNotifications) this.tell("caught up", {});
      if (u.connection === "close") {
        const code = u.lastDisconnect?.error?.output?.statusCode ?? 0;
        this.tell("close", { code, why: u.lastDisconnect?.error?.message });
        if (code === DisconnectReason.restartRequired) this.open(); // linked: log in
      }
    });
    sock.ev.on("messages.upsert", ({ messages, type }) => {
      for (const m of messages) {
        this.received.set(m.key.id, m);
        // Baileys merges an update into the message itself if both come at once.
        if (m.key.fromMe && m.status != null) this.tell("status", { id: m.key.id, chat: m.key.remoteJid, status: m.status, error: "" });
        this.tell(m.messageStubType === proto.WebMessageInfo.StubType.CIPHERTEXT ? "unreadable" : "message", {
          id: m.key.id, chat: m.key.remoteJid, alt: m.key.remoteJidAlt ?? "", participant: m.key.participant ?? "",
          mine: m.key.fromMe === true, name: m.pushName ?? "", text: textOf(m.message), live: type === "notify",
          timer: m.message?.extendedTextMessage?.contextInfo?.expiration ?? 0,
          kind: Object.keys(m.message ?? {}).filter((k) => k !== "messageContextInfo").join(" "),
        });
      }
    });
    sock.ev.on("messages.update", (updates) => {
      for (const { key, update } of updates) {
        this.tell("status", { id: key.id, chat: key.remoteJid, status: update.status ?? -1, error: update.messageStubParameters?.[0] ?? "" });
      }
    });
    sock.ev.on("message-receipt.update", (updates) => {
      for (const { key, receipt } of updates) this.tell("receipt", { id: key.id, chat: key.remoteJid, participant: receipt.userJid });
    });
    sock.ev.on("messaging-history.set", ({ messages, chats }) => {
      this.tell("history", { texts: messages.map((m) => textOf(m.message)), chats: chats.length });
    });
    sock.ev.on("contacts.update", (updates) => {
      for (const c of updates) if (c.notify) this.tell("contact", { id: c.id, name: c.notify });
    });
    sock.ev.on("chats.update", (updates) => {
      for (const c of updates) if (c.archived !== undefined) this.tell("archived", { id: c.id, archived: c.archived });
    });
    sock.ev.on("presence.update", ({ id, presences }) => {
      for (const [from, p] of Object.entries(presences)) this.tell("presence", { id, from, presence: p.lastKnownPresence });
    });
  }

  // pair returns a code that a phone can type. Baileys returns it once its request
  // is sent, but no server knows of it before it has answered.
  async pair({ number }) {
    const answered = new Promise((resolve) => this.sock.ws.once("CB:iq,,link_code_companion_reg", resolve));
    const code = await this.sock.requestPairingCode(number);
    await answered;
    return code;
  }

  // send sends text, or any content of Baileys, and returns the id.
  async send({ to, text, content, options }) {
    const m = await this.sock.sendMessage(to, content ?? { text }, options);
    this.sent.set(m.key.id, m.message);
    return m.key.id;
  }

  // download returns what a message's file contains; sendFile sends one.
  async download({ id }) {
    return (await downloadMediaMessage(this.received.get(id), "buffer", {}, { logger })).toString("base64");
  }
  sendFile({ to, data, caption }) {
    return this.send({ to, content: { document: Buffer.from(data, "base64"), mimetype: "application/pdf", fileName: "a.pdf", caption } });
  }

  read({ chat, id, participant }) { return this.sock.readMessages([{ remoteJid: chat, id, participant }]); }
  onWhatsApp({ number }) { return this.sock.onWhatsApp(number); }
  group({ id }) { return this.sock.groupMetadata(id); }
  rename({ name }) { return this.sock.sendPresenceUpdate("available", undefined, (this.auth.creds.me.name = name)); }
  archive({ chat, id, archive }) {
    return this.sock.chatModify({ archive, lastMessages: [{ key: { remoteJid: chat, id, fromMe: false }, messageTimestamp: 1 }] }, chat);
  }
  keys() { return this.sock.uploadPreKeysToServerIfRequired(); }
  logout() { return this.sock.logout(); }
  routing({ info }) { this.auth.creds.routingInfo = Buffer.from(info, "base64"); }
  hasRouting() { return this.auth.creds.routingInfo?.toString("base64") ?? ""; }
  stanza({ node }) { return this.sock.sendNode(node); }
  async keysLeft() { return (await this.keyQuery({ tag: "count", attrs: {} })).attrs.value; }
  // takeKeys asks for a device's keys, as somebody does who begins to write to it.
  async takeKeys({ jid, times }) {
    for (let i = 0; i < times; i++) {
      await this.keyQuery({ tag: "key", attrs: {}, content: [{ tag: "user", attrs: { jid } }] });
    }
  }
  async keyQuery(question) {
    const attrs = { to: "s.whatsapp.net", type: "get", xmlns: "encrypt" };
    return (await this.sock.query({ tag: "iq", attrs, content: [question] })).content[0];
  }
  // hang up without goodbye; the keys stay.
  close() { return this.sock.end(undefined); }
}

const clients = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  const { n, client, do: what, ...args } = JSON.parse(line);
  if (!clients.has(client)) clients.set(client, new Client(client));
  Promise.resolve()
    .then(() => clients.get(client)[what](args))
    .then((result) => emit({ n, result: result ?? null }), (err) => emit({ n, error: String(err?.message ?? err) }));
}
process.exit(0);
