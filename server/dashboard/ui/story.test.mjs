// From the first start to the first login, as somebody who never saw it.
import { createHmac } from "node:crypto";
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import jsQR from "jsqr";
import { Stage } from "./stage.mjs";

let stage;
before(async () => { stage = await Stage.open(); });
after(() => stage?.close());

// read decodes the QR code that a screenshot of an element shows.
async function read(page, selector) {
  const png = (await page.locator(selector).screenshot()).toString("base64");
  const blank = await page.context().newPage();
  const { data, width, height } = await blank.evaluate(async (png) => {
    const image = new Image();
    image.src = `data:image/png;base64,${png}`;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    return { data: [...context.getImageData(0, 0, image.width, image.height).data], width: image.width, height: image.height };
  }, png);
  await blank.close();
  const code = jsQR(Uint8ClampedArray.from(data), width, height);
  assert.ok(code, "the screenshot shows a QR code that can be read");
  return code.data;
}

test("first start to first login", async () => {
  const began = Date.now();
  const page = await stage.page({ viewport: { width: 1280, height: 900 } });
  await stage.enter(page);
  assert.match(await page.textContent("#checklist"), /0 of 4/);

  await page.click("#checklist >> text=Link a number");
  await page.click("text=Add session");
  await page.fill("dialog [name=name]", "Shop logins");
  await page.click("text=Show the QR code");
  await page.waitForURL("**/link");
  await page.waitForSelector("svg.qr");
  await stage.phone("POST", `/${stage.shop}/scan`, { qr: await read(page, "svg.qr") });
  await page.waitForSelector(`text=+${stage.shop} is linked`);

  await page.click("text=Add a trigger");
  await page.click("text=Add trigger");
  await page.fill("#trigger-phrase", "login");
  await page.click("text=Save");
  await page.waitForSelector(".trigger");

  const backend = await stage.backend();
  await page.click("nav >> text=Webhooks");
  await page.fill("#webhook-url", backend);
  await page.waitForSelector(".verdict-good");
  await page.click("text=Save");
  await page.waitForSelector("text=Saved.");
  const secret = await page.textContent("#secret .secret >> nth=0 >> code");
  await page.reload();
  assert.equal(await page.textContent("#secret .secret >> nth=0 >> code"), secret, "it stays until it is hidden");
  await page.click("#secret-hide");
  await page.waitForSelector("#secret-reveal");
  assert.equal((await page.content()).includes(secret), false);
  await page.reload();
  assert.equal((await page.content()).includes(secret), false, "hidden is hidden");
  await page.click("#secret-reveal");
  assert.equal(await page.textContent("#secret .secret >> nth=0 >> code"), secret, "a login may see it at any time");

  await page.click("nav >> text=Overview");
  assert.match(await page.textContent("#checklist"), /3 of 4/);
  await page.click("[aria-label=Send]");
  await page.waitForSelector(".trail");
  assert.match(await page.textContent(".trail"), /Webhook answers 200.*Reply with your backend's text/s);
  assert.equal(stage.heard.signature, "sha256=" + createHmac("sha256", secret).update(stage.heard.body).digest("hex"));
  assert.match(await page.textContent(".try-chat"), /https:\/\/shop\.example\/l\/8f3k2/);
  await page.waitForFunction(() => document.getElementById("checklist").children.length === 0);

  // A real one: the code of the feed leads somebody's phone to the number.
  await page.reload();
  const invitation = new URL(await read(page, "#feed-empty svg.qr"));
  assert.equal(invitation.href, `https://wa.me/${stage.shop}?text=login`);
  await stage.phone("POST", "", { number: "919876543210", name: "Asha" });
  await page.waitForSelector("body[data-live]");
  await stage.phone("POST", "/919876543210/messages", { to: stage.shop, text: `${invitation.searchParams.get("text")} X4K9MQ` });
  await page.waitForSelector("#feed li[data-state=replied]");
  const { messages } = await stage.phone("GET", "/919876543210/messages");
  assert.equal(messages.at(-1).text, "Log in: https://shop.example/l/8f3k2");
  await page.waitForFunction(() => document.querySelector(".tile dd")?.textContent === "1", null, { timeout: 10_000 });

  assert.deepEqual(page.problems, []);
  assert.ok(Date.now() - began < 180_000, "in under three minutes");
  await page.context().close();
});

test("a number linked without a camera, and unlinked by its phone", async () => {
  const page = await stage.page();
  await stage.enter(page);
  const { number } = await stage.phone("POST", "", { number: "15550300000" });
  await page.goto(`${stage.url}/sessions`);
  await page.click("text=Add session");
  await page.fill("dialog [name=name]", "Second");
  await page.keyboard.press("Enter");
  await page.waitForSelector("svg.qr");
  await page.click("#pair > summary");
  await page.fill("[name=phone]", "12");
  await page.click("text=Get a code");
  await page.waitForSelector("#pair-form [role=alert]");
  await page.fill("[name=phone]", `+${number}`);
  await page.click("text=Get a code");
  const code = await page.textContent(".pair-code");
  assert.match(code, /^[A-Z0-9]{4}-[A-Z0-9]{4}$/);
  await page.waitForTimeout(2500); // events renew the page around the code
  assert.equal(await page.textContent(".pair-code"), code);
  const { device } = await stage.phone("POST", `/${number}/code`, { code });
  await page.waitForSelector(`text=+${number} is linked`);

  await page.goto(`${stage.url}/overview`);
  await stage.phone("DELETE", `/${number}/devices/${device}`);
  await page.waitForSelector("#alarms >> text=Second is not answering: Logged out.");
  await page.click("text=Link it again");
  await page.waitForSelector("svg.qr");
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

const painted = (page) => page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);

test("the first paint is under 200 ms", async () => {
  const page = await stage.page();
  await stage.enter(page);
  for (const path of ["/overview", "/sessions", "/webhooks/deliveries"]) {
    // The second fastest: what else the machine does is not measured, and while it
    // does much there are more tries.
    const times = [];
    do {
      await page.goto(stage.url + path);
      await painted(page);
      times.push(await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime));
      times.sort((a, b) => a - b);
    } while (!(times[1] < 200) && times.length < 60);
    assert.ok(times[1] < 200, `${path}: ${times.map(Math.round)} ms`);
  }
  await page.context().close();
});

test("by keyboard alone", async () => {
  const page = await stage.page();
  await page.goto(`${stage.url}/login`);
  // Not before the first frame: autofocus comes with it, and keys may be lost.
  await painted(page);
  await page.waitForSelector("[name=email]:focus");
  await page.keyboard.type("anna@example.com");
  await page.keyboard.press("Tab");
  await page.keyboard.type("correct horse");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/overview");

  // tab goes on to what is called so, as somebody who sees the focus would.
  const tab = async (name) => {
    for (let i = 0; i < 60; i++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const e = document.activeElement;
        return e.getAttribute("aria-label") ?? e.textContent.trim();
      });
      if (at === name) {
        assert.ok(await page.evaluate(() => document.activeElement.matches(":focus-visible")), `the focus on ${name} is seen`);
        return;
      }
    }
    assert.fail(`Tab does not lead to ${name}`);
  };
  await tab("Skip to the content");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "main");
  await page.goto(`${stage.url}/sessions`);
  await tab("Add session");
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog[open]");
  assert.equal(await page.evaluate(() => document.activeElement.name), "name");
  await page.keyboard.press("Escape");
  await page.waitForSelector("dialog", { state: "detached" });
  await tab("Rename Shop logins");
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog[open] [name=name]");
  await page.keyboard.press("Control+A");
  await page.keyboard.type("Shop");
  await page.keyboard.press("Enter");
  await page.waitForSelector("h2:text-is('Shop')");
  // focused waits until the focus is on what is called so.
  const focused = (name) => page.waitForFunction((name) => {
    const e = document.activeElement;
    return (e.getAttribute("aria-label") ?? e.textContent.trim()) === name;
  }, name);
  await focused("Rename Shop");
  const renewed = page.waitForResponse("**/sessions/list");
  await page.evaluate(() => document.body.dispatchEvent(new CustomEvent("pingr:session")));
  await renewed;
  await page.waitForTimeout(200);
  await focused("Rename Shop");
  await page.goto(`${stage.url}/keys`);
  await tab("Create a key");
  await page.keyboard.press("Enter");
  await page.waitForSelector("dialog[open] [name=name]");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#made-key");
  await page.keyboard.press("Escape");
  await focused("Create a key");
  await page.goto(`${stage.url}/webhooks/deliveries`);
  await tab("Failed");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[aria-pressed=true]:text-is('Failed')");
  await focused("Failed");
  await page.goto(`${stage.url}/settings`);
  await tab("Save");
  await page.keyboard.press("Enter");
  await page.waitForSelector("text=Saved.");
  await focused("Save");
  await page.goto(`${stage.url}/auto-reply`);
  await tab("Trigger login is on");
  await page.keyboard.press("Space");
  await page.waitForSelector(".trigger.off");
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test("a form that is sent twice, a switch that is refused", async () => {
  const page = await stage.page();
  await stage.enter(page);
  await page.goto(`${stage.url}/keys`);
  const keys = async () => (await stage.api(page, "GET", "/v1/keys")).keys.length;
  const before = await keys();
  await page.click("text=Create a key");
  await page.waitForSelector("dialog[open]");
  await page.route("**/keys", async (route) => { await new Promise((resolve) => setTimeout(resolve, 500)); await route.continue(); });
  await page.dblclick("dialog [type=submit]");
  await page.waitForSelector("#made-key");
  await page.waitForTimeout(1000);
  assert.equal(await keys(), before + 1);

  const { id, is_active } = await stage.api(page, "POST", "/v1/triggers", { session_id: (await stage.api(page, "GET", "/v1/sessions")).sessions[0].id, trigger_phrase: "soon gone", reply_message: "Hello" });
  await page.goto(`${stage.url}/auto-reply`);
  await stage.api(page, "DELETE", `/v1/triggers/${id}`);
  await page.locator(`#active-${id}`).evaluate((e) => e.click());
  await page.waitForSelector(".toast");
  assert.equal(await page.isChecked(`#active-${id}`), is_active);
  await page.context().close();
});

test("a server that dies and comes back", async () => {
  const page = await stage.page();
  await stage.enter(page);
  await page.goto(`${stage.url}/sessions`);
  await page.waitForSelector(".session");
  await stage.kill();
  await page.waitForSelector("#offline:not([hidden])", { timeout: 5000 });
  await stage.serve();
  await page.waitForSelector("#offline", { state: "hidden", timeout: 5000 });
  const other = await stage.page();
  await stage.enter(other);
  const [{ id }] = (await stage.api(other, "GET", "/v1/sessions")).sessions;
  await stage.api(other, "PATCH", `/v1/sessions/${id}`, { name: "Renamed elsewhere" });
  await page.waitForSelector("text=Renamed elsewhere", { timeout: 5000 });
  await other.goto(`${stage.url}/sessions/${id}/link`);
  await other.waitForSelector("body[data-live]");
  await stage.api(page, "DELETE", `/v1/sessions/${id}`);
  await page.waitForSelector(`#session-${id}`, { state: "detached", timeout: 5000 });
  await other.waitForURL("**/sessions");
  await page.context().close();
  await other.context().close();
});
