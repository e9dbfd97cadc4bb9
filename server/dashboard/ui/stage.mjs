// A stage is what the tests play on: a loopback WhatsApp, the real pingr serve
// and a browser.
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const root = new URL("../../..", import.meta.url).pathname;
const shop = "15550100001"; // a number to link

// start starts a program and waits for its first line on stdout.
async function start(command, args, env = {}) {
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  child.stderr.on("data", (text) => (said += text));
  const line = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).once("line", resolve);
    child.once("exit", (code) => reject(new Error(`${command} ended with ${code}: ${said}`)));
    child.once("error", reject);
  });
  return { child, line, said: () => said };
}

const ended = (child) => new Promise((resolve) => (child.exitCode !== null ? resolve() : child.once("exit", resolve)));

export class Stage {
  static async open(env = {}) {
    const stage = new Stage();
    await stage.start(env);
    stage.browser = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    });
    return stage;
  }

  // start starts all but the browser.
  async start(more) {
    this.dir = mkdtempSync(join(tmpdir(), "pingr-stage-"));
    this.network = await start(join(root, "bin/whatsapptest"), [
      "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--json", "--until-eof", "--phone", `${shop}=Shop`,
    ]);
    const { env, control } = JSON.parse(this.network.line);
    Object.assign(this, { env: { ...env, ...more }, phones: `${control}/phones`, shop });
    await this.serve();
  }

  // serve starts pingr serve, at the address of before if there was one.
  async serve() {
    const listen = this.url ? new URL(this.url).host : "127.0.0.1:0";
    this.server = await start(join(root, "bin/pingr"), ["serve", "--listen", listen, "--data", join(this.dir, "data")], this.env);
    this.url = this.server.line.replace("listening on ", "");
    const link = this.server.said().match(/\/setup\?token=\S+/);
    if (link) this.setup = this.url + link[0];
  }

  async stop() {
    this.server.child.kill("SIGTERM");
    await ended(this.server.child);
  }

  async kill() {
    this.server.child.kill("SIGKILL");
    await ended(this.server.child);
  }

  // phone acts as a phone of the loopback WhatsApp.
  async phone(method, path, body) {
    const answer = await fetch(this.phones + path, { method, body: body && JSON.stringify(body), headers: { "Content-Type": "application/json" } });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} /phones${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  // page is a new page in a context of its own; problems is what its console
  // and its content policy complain of.
  async page(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(15_000);
    page.problems = [];
    page.on("pageerror", (error) => page.problems.push(error.message));
    page.on("console", (message) => {
      if (message.type() === "error" && !/Failed to load resource/.test(message.text())) page.problems.push(message.text());
    });
    return page;
  }

  // enter comes in: by the set-up link the first time, by the login later.
  async enter(page) {
    await page.goto(this.known ? `${this.url}/login` : this.setup);
    await page.fill("[name=email]", "anna@example.com");
    await page.fill("[name=password]", "correct horse");
    await page.click("button[type=submit]");
    await page.waitForURL("**/overview");
    this.known = true;
  }

  // api asks the API with the page's login.
  api(page, method, path, body) {
    return page.evaluate(async ([method, path, body]) => {
      const headers = { Accept: "application/json", ...(body && { "Content-Type": "application/json" }) };
      const answer = await fetch(path, { method, body: body && JSON.stringify(body), headers });
      return answer.status === 204 ? null : answer.json();
    }, [method, path, body]);
  }

  // link adds a session and links it to a new phone of the loopback WhatsApp.
  async link(page, id, name, number) {
    await this.phone("POST", "", { number });
    await this.api(page, "POST", "/v1/sessions", { id, name });
    let code;
    while (!(code = (await this.api(page, "GET", `/v1/sessions/${id}/qr`)).qr)) await page.waitForTimeout(100);
    await this.phone("POST", `/${number}/scan`, { qr: code });
    while ((await this.api(page, "GET", `/v1/sessions/${id}`)).status !== "connected") await page.waitForTimeout(100);
  }

  // backend is somebody's endpoint; reply is what it answers.
  async backend() {
    this.hook = createServer((request, response) => {
      const chunks = [];
      request.on("data", (chunk) => chunks.push(chunk)).on("end", () => {
        this.heard = { body: Buffer.concat(chunks), signature: request.headers["x-pingr-signature"] };
        response.writeHead(this.hookStatus ?? 200, { "Content-Type": "application/json" }).end(JSON.stringify({ reply: this.reply ?? "Log in: https://shop.example/l/8f3k2" }));
      });
    });
    await new Promise((resolve) => this.hook.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${this.hook.address().port}/pingr`;
  }

  async close() {
    this.hook?.close();
    await this.browser?.close();
    await this.stop();
    this.network.child.stdin.end();
    await ended(this.network.child);
    rmSync(this.dir, { recursive: true, force: true });
  }
}
