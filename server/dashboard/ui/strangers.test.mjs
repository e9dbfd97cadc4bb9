// What others control: texts that want to become elements, and sites that want
// to act with the reader's login.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { Stage } from "./stage.mjs";

let stage;
let page;
before(async () => {
  stage = await Stage.open();
  page = await stage.page();
  await stage.enter(page);
  await stage.link(page, "shop", "Shop", "15550200000");
  await stage.api(page, "PUT", "/v1/webhooks", { url: await stage.backend() });
  await stage.api(page, "PATCH", "/v1/settings", { cooldown_seconds: 0 });
});
after(() => stage?.close());

// 150 texts: ways to run a script × places to break out of.
const runs = [
  "<x-evil onclick=evil()>", "<img src=/x onerror=evil()>", "<svg onload=evil()>", "<script>evil()</script>", "<iframe srcdoc='<script>parent.evil()</script>'>",
  "<a href=javascript:evil()>x</a>", "<form action=//evil.example><button>x", "<style>*{display:none}</style>", "<base href=//evil.example>", "<meta http-equiv=refresh content=0>",
  "<div hx-get=/logout hx-trigger=load>", "<input autofocus onfocus=evil()>", "<details open ontoggle=evil()>", "<math><mtext><x-evil>", "<template><x-evil></template>",
];
const outs = [(s) => s, (s) => `">${s}`, (s) => `'>${s}`, (s) => `</textarea>${s}`, (s) => `</title>${s}`, (s) => `</script>${s}`, (s) => `-->${s}`, (s) => `\`}}${s}{{`, (s) => `&lt;${s}&gt;`, (s) => `</svg></div></body>${s}`];
const hostile = runs.flatMap((run) => outs.map((out) => out(run)));

// evil is what got into the page: elements that none of ours is, or handlers.
const evil = () => page.evaluate(() => ({
  ran: Boolean(window.evilRan),
  elements: [...document.querySelectorAll("x-evil, img, iframe, base, style, math, template, object, embed, [srcdoc], [href^='javascript:'], form[action*='evil'], meta[http-equiv], [hx-get='/logout']")].map((e) => e.outerHTML),
  handlers: [...document.querySelectorAll("*")].filter((e) => [...e.attributes].some((a) => a.name.startsWith("on"))).map((e) => e.outerHTML),
  scripts: [...document.scripts].filter((s) => !s.src.startsWith(`${location.origin}/static/`)).length,
}));
const nothing = { ran: false, elements: [], handlers: [], scripts: 0 };

test("150 hostile texts in what others control are texts", async () => {
  assert.equal(new Set(hostile).size, 150);
  await page.addInitScript(() => { window.evil = () => { window.evilRan = true; }; });
  for (const [i, text] of hostile.entries()) {
    const made = await stage.api(page, "POST", "/v1/triggers", { session_id: "shop", trigger_phrase: `${i} ${text}`, reply_message: text });
    assert.ok(made.id, JSON.stringify(made));
  }
  await page.goto(`${stage.url}/auto-reply`);
  assert.equal(await page.locator(".trigger").count(), hostile.length);
  assert.deepEqual(await page.locator(".trigger .bubble:not(.bubble-mine)").allTextContents(), hostile, "each reply is shown as it is");
  assert.deepEqual(await evil(), nothing);

  // One after the other where there is only one place.
  for (const text of hostile) {
    const name = text.slice(0, 100);
    await stage.api(page, "PATCH", "/v1/sessions/shop", { name });
    await page.goto(`${stage.url}/sessions`);
    assert.equal(await page.textContent(".session h2"), name);
    assert.deepEqual(await evil(), nothing, text);
  }
  await page.click("[title=Unlink]");
  await page.waitForSelector("dialog[open]");
  assert.deepEqual(await evil(), nothing);

  // What endpoints answer and people text: simulations are limited, so in twos of 75.
  for (const half of [hostile.slice(0, 75), hostile.slice(75)]) {
    const text = half.join(" ");
    stage.reply = text;
    for (const path of ["/overview", "/webhooks/test"]) {
      await page.goto(stage.url + path);
      await page.fill("[name=text]", `0 ${hostile[0]} ${text}`.slice(0, 4096));
      await page.click(path === "/overview" ? "[aria-label=Send]" : "text=Send a test");
      await page.waitForSelector(path === "/overview" ? ".trail" : ".test-result");
      assert.ok((await page.textContent("main")).includes(half[3]), "the text is shown");
      assert.deepEqual(await evil(), nothing);
    }
  }
  for (const text of hostile.slice(0, 90)) await stage.api(page, "POST", "/v1/keys", { mode: "test", name: text });
  for (const path of ["/keys", "/webhooks", "/webhooks/deliveries", "/settings", `/login?next=${encodeURIComponent(hostile[11])}`, `/setup?token=${encodeURIComponent(hostile[11])}`]) {
    await page.goto(stage.url + path);
    assert.deepEqual(await evil(), nothing, path);
  }
  const { triggers } = await stage.api(page, "GET", "/v1/triggers");
  for (const trigger of triggers.slice(0, 30)) {
    await page.goto(`${stage.url}/auto-reply/${trigger.id}`);
    assert.equal(await page.inputValue("#trigger-reply"), trigger.reply_message);
    assert.deepEqual(await evil(), nothing);
  }
  assert.deepEqual(page.problems, []);
});

test("40 requests of another site are refused", async () => {
  const site = createServer((_, response) => response.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html><title>x</title>"));
  await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));
  try {
    await page.goto(`${stage.url}/keys`);
    const state = async () => JSON.stringify([await stage.api(page, "GET", "/v1/sessions"), await stage.api(page, "GET", "/v1/settings"), await stage.api(page, "GET", "/v1/webhooks"), (await stage.api(page, "GET", "/v1/keys")).keys.length, (await stage.api(page, "GET", "/v1/triggers")).count]);
    const before = await state();
    const { triggers } = await stage.api(page, "GET", "/v1/triggers");
    const paths = [
      "/logout", "/login", "/setup", "/signup", "/sessions", "/sessions/shop/name", "/sessions/shop/unlink", "/sessions/shop/reconnect", "/sessions/shop/link/code", "/sessions/shop/link/pair",
      "/auto-reply", `/auto-reply/${triggers[0].id}`, `/auto-reply/${triggers[0].id}/active`, `/auto-reply/${triggers[0].id}/delete`, "/auto-reply/match", "/webhooks", "/webhooks/rotate", "/webhooks/test", "/keys", "/settings",
    ];
    // The same machine under two names: another port is another origin of the
    // same site, to which the cookie goes; the other name is another site.
    const answers = [];
    for (const host of ["127.0.0.1", "localhost"]) {
      const attacker = await page.context().newPage();
      await attacker.goto(`http://${host}:${site.address().port}/`);
      for (const path of paths) {
        const answer = attacker.waitForResponse((r) => r.url() === stage.url + path && r.request().method() === "POST");
        await attacker.evaluate((url) => fetch(url, { method: "POST", mode: "no-cors", credentials: "include", body: new URLSearchParams({ name: "evil", url: "https://evil.example/", active: "", cooldown_seconds: "1" }) }).catch(() => {}), stage.url + path);
        answers.push(`${(await answer).status()} ${path}`);
      }
      await attacker.close();
    }
    assert.equal(answers.length, 40);
    assert.deepEqual(answers.filter((a) => !a.startsWith("403 ")), []);
    assert.equal(await state(), before, "nothing has changed, and the login is there");
  } finally {
    site.close();
  }
});
