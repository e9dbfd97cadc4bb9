// Every page, narrow and wide, light and dark: axe finds nothing, nothing is cut
// off, nothing breaks the content policy.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { Stage } from "./stage.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

let stage;
let page;
before(async () => {
  stage = await Stage.open();
  page = await stage.page({ bypassCSP: true }); // for axe alone; story.test.mjs does not
});
after(() => stage?.close());

// check judges what the page shows now.
async function check(name) {
  const found = [];
  const resize = async (width) => {
    await page.setViewportSize({ width, height: 900 });
    if (await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)) found.push(`${name} at ${width} scrolls sideways`);
  };
  await resize(320); // 1280 at 400 %, which WCAG asks for
  for (const width of [375, 1440]) {
    for (const colorScheme of ["light", "dark"]) {
      await resize(width);
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.waitForTimeout(250); // charts are redrawn some time after a resize
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
      for (const v of violations) found.push(`${name} at ${width}, ${colorScheme}: ${v.help} (${v.nodes.map((n) => n.target.join(" ")).join(", ")})`);
    }
  }
  assert.deepEqual(found, []);
}

const open = async (path, shows) => {
  await page.goto(stage.url + path);
  if (shows) await page.waitForSelector(shows);
};

test("before anybody is logged in", async () => {
  await page.goto(stage.setup);
  await check("set-up");
  await open("/setup");
  await check("a set-up link that was used");
  await open("/login?next=/sessions");
  await check("login");
  await page.fill("[name=email]", "eve@example.com");
  await page.fill("[name=password]", "wrong horse");
  await page.click("button[type=submit]");
  await page.waitForSelector("[role=alert]");
  await check("a login that failed");
});

test("pages of an account that has nothing", async () => {
  await stage.enter(page);
  for (const path of ["/overview", "/sessions", "/auto-reply", "/webhooks", "/webhooks/test", "/webhooks/deliveries", "/settings", "/keys"]) {
    await open(path);
    assert.equal(await page.locator("h1").count(), 1, path);
    await check(path);
  }
  await page.setViewportSize({ width: 375, height: 900 });
  await page.click("[aria-controls=nav]");
  await page.waitForSelector("#nav.open");
  await check("the menu");
  await open("/sessions/nope/link");
  await check("an error");
  await page.goto(`${stage.url}/nowhere`);
  await check("no such page");
});

test("pages of an account that has everything", async () => {
  await open("/sessions");
  await page.click("text=Add session");
  await page.waitForSelector("dialog[open]");
  await check("add a session");
  await page.fill("dialog [name=name]", "Second");
  await page.keyboard.press("Enter");
  await page.waitForSelector("svg.qr");
  await page.click("#pair > summary");
  await check("link a session");

  await stage.link(page, "shop", "Shop", "15550200000");
  await stage.api(page, "POST", "/v1/triggers", { session_id: "shop", trigger_phrase: "login", reply_message: "Hello {{phone}}" });
  await stage.api(page, "POST", "/v1/triggers", { session_id: "shop", trigger_phrase: "login shop", reply_message: "Off", is_active: false });
  await stage.api(page, "PUT", "/v1/webhooks", { url: await stage.backend() });
  await stage.api(page, "PATCH", "/v1/settings", { cooldown_seconds: 0 });
  await stage.phone("POST", "", { number: "919876543210" });
  await open("/overview", "#feed-title");
  for (const status of [200, 503]) {
    stage.hookStatus = status;
    await page.waitForSelector("body[data-live]");
    const before = await page.locator("#feed li").count();
    await stage.phone("POST", "/919876543210/messages", { to: "15550200000", text: "login X4K9MQ" });
    await page.waitForFunction((n) => document.querySelectorAll("#feed li[data-state=replied]").length > n, before);
  }
  await page.click("[aria-label=Send]");
  await page.waitForSelector(".trail");
  await page.waitForSelector("[data-chart=bars] canvas");
  await check("overview");

  await open("/sessions/shop/link", ".empty-good");
  await check("a linked session");
  await open("/sessions", ".session");
  await check("sessions");
  await page.click("[title=Unlink] >> nth=0");
  await page.waitForSelector("dialog[open]");
  await check("unlink");
  await open("/auto-reply", ".trigger.off");
  await page.fill(".match input", "Login shop 1");
  await page.waitForSelector("#match .banner");
  await check("triggers");
  await open("/auto-reply/new");
  await page.click("text=Save");
  await check("a new trigger");
  await open("/webhooks");
  await page.fill("#webhook-url", "http://10.0.0.8/");
  await page.waitForSelector(".field-error");
  await page.click("label:text-is('Go')");
  await check("webhooks");
  await page.click("text=Rotate");
  await page.click("text=Create new secret");
  await page.waitForSelector("#rotated");
  await check("a rotated secret");
  await open("/webhooks/test");
  await page.click("text=Send a test");
  await page.waitForSelector(".test-result");
  await check("a test that failed");
  await open("/webhooks/deliveries", "tbody tr");
  await check("deliveries");
  await open("/keys");
  await page.click("text=Create a key");
  await page.waitForSelector("dialog[open]");
  await check("make a key");
  await page.click("text=Create key");
  await page.waitForSelector("#made-key");
  await check("a key");
  await page.click("text=I have copied it");
  await page.waitForSelector("tbody tr");
  await check("keys");
  await open("/overview");
  const tags = await page.locator("button[name=language]").evaluateAll((all) => all.map((button) => button.value));
  assert.ok(tags.includes("ar"));
  for (const tag of tags.filter((tag) => tag !== "en")) {
    await page.context().addCookies([{ name: "pingr_language", value: tag, url: stage.url }]);
    for (const path of ["/overview", "/auto-reply", "/webhooks/deliveries", "/settings"]) {
      await open(path);
      assert.equal(await page.getAttribute("html", "lang"), tag);
      await check(`${path} in ${tag}`);
    }
  }
  await page.context().addCookies([{ name: "pingr_language", value: "en", url: stage.url }]);
  await open("/settings");
  await page.fill("#zone", "Mars/Olympus");
  await page.click("text=Save");
  await page.waitForSelector("[role=alert]");
  await check("settings that are refused");
  assert.deepEqual(page.problems, []);
});
