// A stage is what the tests play on: a loopback WhatsApp, the real pingr serve
// and a browser.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const root = new URL("../../..", import.meta.url).pathname;

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
    this.network = await start(join(root, "bin/loopback"), []);
    const { env, phones, shop } = JSON.parse(this.network.line);
    Object.assign(this, { env: { ...env, ...more }, phones, shop });
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

  async close() {
    await this.browser?.close();
    this.server.child.kill("SIGTERM");
    await ended(this.server.child);
    this.network.child.stdin.end();
    await ended(this.network.child);
    rmSync(this.dir, { recursive: true, force: true });
  }
}
