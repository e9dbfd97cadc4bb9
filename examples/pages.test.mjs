// The pages of the login examples of all languages in a real browser, by hand as
// it were: type, wait, tap the link, type the digits. make sec-login runs it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";

const root = new URL("..", import.meta.url).pathname;
const { chromium } = createRequire(`${root}server/dashboard/ui/`)("playwright-core"); // the dashboard's tests have it
const secret = "whsec_b25seSBhbiBleGFtcGxl";
const phone = "919876543210";
const commands = {
  go: (flow) => [`${root}bin/examples/${flow}`],
  node: (flow) => ["node", `${root}examples/node/${flow}.mjs`],
  python: (flow) => [`${root}sdk/python/.venv/bin/python`, `${root}examples/python/${flow}.py`],
};

let browser;
before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
});
after(() => browser?.close());

// Each language's example is whole by itself, so that it can be copied; the
// pages say and do the same.
test("the pages are the same in all languages", () => {
  const read = (path) => readFileSync(`${root}examples/${path}`, "utf8").replace(/\{\{\s*\.?(\w+)\s*\}\}/g, (_, word) => `{{${word.toLowerCase()}}}`);
  const pages = ["desktop", "mobile", "preentry"].flatMap((flow) => [[`go/${flow}/page.html`, `${flow}/page.html`], [`go/${flow}/page.js`, `${flow}/page.js`]]);
  for (const name of ["style.css", "confirm.html", "gone.html"]) pages.push([`go/login/${name}`, name]);
  for (const [go, copy] of pages) {
    for (const language of ["node", "python"]) assert.equal(read(`${language}/login/pages/${copy}`), read(go), `${language}: ${copy}`);
  }
});

// site runs an example, shows its page to a visitor and lets a phone write.
async function site(language, flow, visit) {
  const [program, ...args] = commands[language](flow);
  const child = spawn(program, [...args, "--listen", "127.0.0.1:0"], { env: { ...process.env, PINGR_WEBHOOK_SECRET: secret }, stdio: ["ignore", "pipe", "inherit"] });
  const context = await browser.newContext();
  try {
    const line = await new Promise((resolve, reject) => {
      createInterface({ input: child.stdout }).once("line", resolve);
      child.once("exit", (code) => reject(new Error(`${program} ended with ${code}`)));
      child.once("error", reject);
    });
    const origin = line.replace("listening on ", "");
    const page = await context.newPage();
    page.setDefaultTimeout(20_000);
    const wrong = [];
    page.on("pageerror", (e) => wrong.push(e.message));
    page.on("console", (m) => /Content Security Policy/.test(m.text()) && wrong.push(m.text()));
    await page.goto(origin);
    await visit({ context, page, say: (...said) => say(origin, ...said) });
    assert.deepEqual(wrong, [], "no script failed, and the policy refused nothing");
  } finally {
    await context.close();
    if (child.exitCode === null) {
      child.kill();
      await new Promise((resolve) => child.once("exit", resolve));
    }
  }
}

// say has the phone write, and returns what it is answered. The same id is the
// same message, told again.
async function say(origin, text, autoReply = { status: "pending" }, id = randomUUID()) {
  const body = JSON.stringify({
    event: "message.received", id, session_id: "x", timestamp: Date.now(), message: { text, type: "text" }, auto_reply: autoReply,
    from: { phone, jid: `${phone}@s.whatsapp.net`, is_group: false, group_jid: null },
  });
  const signature = `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
  const answer = await fetch(`${origin}/webhook`, { method: "POST", body, headers: { "x-pingr-signature": signature } });
  assert.equal(answer.status, 200);
  return (await answer.json()).reply;
}

// tap opens the link of an answer, in the same browser, and confirms.
async function tap(context, reply) {
  const page = await context.newPage();
  await page.goto(reply.match(/^http\S+$/m)[0]);
  assert.match(await page.textContent("body"), new RegExp(`\\+${phone}`));
  await page.click("form button");
  await loggedIn(page);
  await page.close();
}

async function loggedIn(page) {
  await page.getByText(`+${phone}`).waitFor();
}

// silent has the phone write when it is not answered: the page says why.
async function silent(page, say) {
  const told = (text) => page.getByRole("status").getByText(text).waitFor();
  await told("Waiting for your message.");
  const silence = { status: "suppressed", reason: "cooldown" };
  assert.equal(await say(await sent(page), { ...silence, retry_after: 60 }), undefined);
  await told(/We replied to you a moment ago\. Text again in [1-6]?\d s\./);
  await say(await sent(page), { ...silence, retry_after: 3 });
  await told("You can text again now.");
  await say(await sent(page), { status: "suppressed", reason: "quota" });
  await told("cannot reply to any more this month");
  await say(await sent(page), { status: "suppressed", reason: "answered" });
  await told("reached us too late to reply to");
}

// lost has the phone write, and Pingr tell it again because the answer did not
// arrive: the page does not insist that there is one, and begins again.
async function lost(page, say, words, button) {
  const [text, id] = [await sent(page), randomUUID()];
  const reply = await say(text, { status: "pending" }, id);
  const told = page.getByRole("status").getByText(words);
  await page.getByRole("button", { name: button }).waitFor({ state: "hidden" });
  assert.equal(await say(text, { status: "suppressed", reason: "answered" }, id), reply, "the same event, the same answer");
  await told.waitFor();
  await page.getByRole("button", { name: button }).click();
  await told.waitFor({ state: "hidden" });
  await page.getByText("Waiting for your message.").waitFor();
  assert.notEqual(await sent(page), text);
}

async function logOut(page) {
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByText(`+${phone}`).waitFor({ state: "hidden" });
}

// sent is what the page says to send. The code of before stays in the hidden part.
const sent = async (page) => (await page.getByText(/^login [A-Z2-9]{8}$/).filter({ visible: true }).textContent()).trim();

for (const language of Object.keys(commands)) {
  describe(language, () => {
    test("mobile: the link logs in", () =>
      site(language, "mobile", async ({ context, page, say }) => {
        assert.match(await page.getByRole("link", { name: "Log in with WhatsApp" }).getAttribute("href"), /^https:\/\/wa\.me\/15550100\?text=login$/);
        await tap(context, await say("login"));
        await page.reload();
        await loggedIn(page);
        await logOut(page);
      }));

    test("preentry: a number that is none, then one; the page follows", () =>
      site(language, "preentry", async ({ context, page, say }) => {
        await page.getByRole("textbox").fill("12");
        await page.getByRole("button").filter({ visible: true }).first().click();
        await page.getByRole("alert").waitFor();
        await page.getByRole("textbox").fill("+91 98765 43210");
        await page.getByRole("button").filter({ visible: true }).first().click();
        await silent(page, say);
        await lost(page, say, "If you received no link", "Get a new code");
        const reply = await say(await sent(page));
        await page.getByText("Got it").waitFor();
        await tap(context, reply);
        await loggedIn(page); // it noticed by itself
        await logOut(page);
      }));

    test("desktop: wrong digits, right digits; then NO", () =>
      site(language, "desktop", async ({ page, say }) => {
        const digits = () => page.getByLabel("Digits");
        await page.getByRole("button", { name: "QR code" }).click();
        await page.waitForFunction(() => [...document.images].some((i) => i.naturalWidth > 0));
        await silent(page, say);
        await lost(page, say, "If you received no digits", "Start again");
        const right = (await say(await sent(page))).match(/^\d{6}$/m)[0];
        await digits().fill(right === "000000" ? "000001" : "000000");
        await digits().press("Enter");
        await page.getByText("Tries left: 2").waitFor();
        await digits().fill(right);
        await digits().press("Enter");
        await loggedIn(page);
        await logOut(page);
        await page.getByRole("button", { name: "QR code" }).click();
        await say(await sent(page));
        await digits().waitFor();
        await say("NO");
        await page.getByText("replied NO").waitFor();
      }));
  });
}
