// What open dashboards cost the server: node load.mjs [dashboards] [seconds].
// Five accounts log people in, once a second each; the server's processor time
// is read without dashboards, with idle ones and with busy ones. A dashboard
// here is an overview's stream and requests, without the browser.
import { readFileSync } from "node:fs";
import { Stage } from "./stage.mjs";

const [dashboards, seconds] = [Number(process.argv[2] ?? 100), Number(process.argv[3] ?? 15)];
const accounts = 5;
const stage = new Stage();
await stage.start({ PINGR_SIGNUP: "on", PINGR_SIGNUP_PLAN: "unlimited" });
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ticks is the processor time that the server has used, in hundredths of a second.
const ticks = () => {
  const fields = readFileSync(`/proc/${stage.server.child.pid}/stat`, "utf8").split(") ")[1].split(" ");
  return Number(fields[11]) + Number(fields[12]);
};
async function share(name, work) {
  const before = ticks();
  const began = performance.now();
  await work();
  const percent = (ticks() - before) / ((performance.now() - began) / 1000);
  console.log(`${name}: ${percent.toFixed(1)} % of a core`);
  return percent;
}

async function signUp(i) {
  const answer = await fetch(`${stage.url}/v1/auth/${i ? "signup" : "setup"}`, {
    method: "POST", headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token: i ? undefined : new URL(stage.setup).searchParams.get("token"), email: `a${i}@example.com`, password: "correct horse" }),
  });
  const cookie = answer.headers.get("set-cookie").split(";")[0];
  const api = async (method, path, body) => {
    const answer = await fetch(stage.url + path, { method, body: body && JSON.stringify(body), headers: { Cookie: cookie, Accept: "application/json", ...(body && { "Content-Type": "application/json" }) } });
    return answer.headers.get("content-type")?.includes("json") ? answer.json() : answer.text();
  };
  const shop = await stage.phone("POST", "", { number: `1555020000${i}` });
  await api("POST", "/v1/sessions", { id: "shop", name: "Shop" });
  let code;
  while (!(code = (await api("GET", "/v1/sessions/shop/qr")).qr)) await sleep(100);
  await stage.phone("POST", `/${shop.number}/scan`, { qr: code });
  while ((await api("GET", "/v1/sessions/shop")).status !== "connected") await sleep(100);
  await api("POST", "/v1/triggers", { session_id: "shop", trigger_phrase: "login", reply_message: "Hello {{phone}}" });
  await api("PATCH", "/v1/settings", { cooldown_seconds: 0 });
  return { cookie, shop: shop.number, person: (await stage.phone("POST", "", { number: `9198765432${10 + i}` })).number, api };
}

// open is a dashboard: its page, its stream, and what the script fetches again.
async function open({ cookie, api }) {
  await api("GET", "/overview");
  const stop = new AbortController();
  const stream = await fetch(`${stage.url}/v1/events`, { headers: { Cookie: cookie }, signal: stop.signal });
  const told = {};
  const again = { firing: ["/overview/charts?range=7d"] };
  (async () => {
    for await (const chunk of stream.body.pipeThrough(new TextDecoderStream())) {
      for (const [, name] of chunk.matchAll(/^event: (\w+)/gm)) {
        if (!again[name] || told[name]?.timer) continue;
        const now = performance.now();
        const at = Math.max(now + 300, (told[name]?.at ?? -Infinity) + 5000) + Math.random() * 700;
        told[name] = { at, timer: setTimeout(() => { told[name].timer = 0; again[name].forEach((path) => api("GET", path).catch(() => {})); }, at - now) };
      }
    }
  })().catch(() => {});
  return () => { stop.abort(); Object.values(told).forEach((t) => clearTimeout(t.timer)); };
}

try {
  const all = [];
  for (let i = 0; i < accounts; i++) all.push(await signUp(i));
  const logins = async () => {
    for (let s = 0; s < seconds; s++) {
      await Promise.all([sleep(1000), ...all.map((a) => stage.phone("POST", `/${a.person}/messages`, { to: a.shop, text: "login X4K9MQ" }))]);
    }
  };
  await logins(); // warm
  const none = await share(`no dashboard, ${accounts} logins a second`, logins);
  const closes = await Promise.all(Array.from({ length: dashboards }, (_, i) => open(all[i % accounts])));
  await sleep(1000);
  const idle = await share(`${dashboards} dashboards, nothing happens`, () => sleep(seconds * 1000));
  const busy = await share(`${dashboards} dashboards, ${accounts} logins a second`, logins);
  closes.forEach((close) => close());
  console.log(`${dashboards} dashboards cost ${idle.toFixed(1)} % idle, ${(busy - none).toFixed(1)} % while people log in`);
} finally {
  await stage.close();
}
