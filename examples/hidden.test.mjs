// Two logins by somebody whose number WhatsApp hides, through the real server, as
// the shop and the person see them. make sec-login runs it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { Stage } from "../server/dashboard/ui/stage.mjs";

const root = new URL("..", import.meta.url).pathname;
const asha = "919876543210"; // hides her number, as Meera does
const meera = "919876543212";
const ravi = "919876543211";

let stage, office;
before(async () => {
  stage = await Stage.open({ PINGR_LOG: "debug" });
  office = await stage.page();
  await stage.enter(office);
  await stage.link(office, "shop", "Shop", "15550100002");
  await stage.api(office, "POST", "/v1/triggers", { session_id: "shop", trigger_phrase: "login", reply_message: "Try again later." });
  await stage.phone("POST", "", { number: asha, name: "Asha", username: "asha" });
  await stage.phone("POST", "", { number: meera, name: "Meera", username: "meera" });
  await stage.phone("POST", "", { number: ravi, name: "Ravi" });

  // The shop chooses what happens to hidden numbers.
  await office.goto(`${stage.url}/settings`);
  await office.fill("#cooldown", "0");
  await office.selectOption("#hidden", "ask");
  await office.fill("#question", "To sign in to the shop, answer with your number.");
  await office.click("#settings-save");
  await office.getByText("Saved.").waitFor();
});
after(() => stage?.close());

// site runs a login example as the shop's backend, and shows its page to a visitor.
async function site(flow, options, visit) {
  const { secret } = await stage.api(office, "GET", "/v1/webhooks");
  const child = spawn(`${root}bin/examples/${flow}`, ["--listen", "127.0.0.1:0", "--number", "15550100002"],
    { env: { ...process.env, PINGR_WEBHOOK_SECRET: secret }, stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("error", reject);
  });
  const origin = line.replace("listening on ", "");
  const page = await stage.page(options);
  try {
    await stage.api(office, "PUT", "/v1/webhooks", { url: `${origin}/webhook`, events: ["message.received"] });
    await page.goto(origin);
    await visit(page);
    assert.deepEqual(page.problems, []);
  } finally {
    await page.context().close();
    child.kill();
    await new Promise((resolve) => child.once("exit", resolve));
  }
}

// says has the phone write, and returns the answer.
async function says(number, text) {
  await stage.phone("POST", `/${number}/messages`, { to: "15550100002", text });
  return hears(number);
}

const hears = async (number) => (await stage.phone("POST", `/${number}/messages/next`, { timeout_seconds: 30 })).text;

const question = "To sign in to the shop, answer with your number.";

test("on a phone: the number is asked for, and the same login goes on", () =>
  site("mobile", { viewport: { width: 390, height: 844 } }, async (page) => {
    await page.getByRole("link", { name: "Log in with WhatsApp" }).waitFor();
    assert.equal(await says(asha, "login"), question);
    assert.match(await says(asha, "+91 98765 43211"), /not the number of this WhatsApp account/, "Ravi's");
    const link = (await says(asha, "+91 (98765) 43-210")).match(/^http\S+$/m)[0];
    await page.goto(link);
    assert.match(await page.textContent("body"), new RegExp(`\\+${asha}`));
    await page.click("form button");
    await page.getByText(`+${asha}`).waitFor();
  }));

test("on a desktop: the person shares the own contact, and types the digits", () =>
  site("desktop", {}, async (page) => {
    await page.getByRole("button", { name: "QR code" }).click();
    const text = (await page.getByText(/^login [A-Z2-9]{8}$/).filter({ visible: true }).textContent()).trim();
    assert.equal(await says(meera, text), question);
    await stage.phone("POST", `/${meera}/contacts`, { to: "15550100002" });
    const digits = (await hears(meera)).match(/^\d{6}$/m)[0];
    await page.getByLabel("Digits").fill(digits);
    await page.getByLabel("Digits").press("Enter");
    await page.getByText(`+${meera}`).waitFor();
  }));

test("WhatsApp was asked once about each number, and no log has one", async () => {
  const { lookups } = await (await fetch(stage.phones.replace(/\/phones$/, "/lookups"))).json();
  assert.deepEqual(lookups.flatMap((one) => one.numbers).sort(), [asha, ravi, meera]);
  const log = stage.server.said();
  const people = new Set(log.match(/ person=per_[0-9a-z]+/g));
  assert.equal(people.size, 2, "each one's trail");
  for (const secret of [asha, meera, ravi, "98765 43", "98765) 43"]) assert.equal(log.includes(secret), false, "a number in the log");
});
