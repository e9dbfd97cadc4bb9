// Pictures for the README: node screenshots.mjs DIRECTORY. Pages are the real
// ones; the past month that the charts show is made up, and is written into the
// store while the server is down.
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Stage } from "./stage.mjs";

const directory = process.argv[2];
mkdirSync(directory, { recursive: true });

const month = `
import calendar, random, sqlite3, sys, time
data, account = sys.argv[1:]
random.seed(7)
quarter = 15 * 60 * 1000
now = int(time.time() * 1000) // quarter * quarter
counts, times = sqlite3.connect(data + "/pingr.db"), sqlite3.connect(data + "/deliveries.db")
def of(ms):
    if ms < 8: return ms
    shift = ms.bit_length() - 4
    return shift * 8 + (ms >> shift)
for back in range(1, 30 * 96):
    at = now - back * quarter
    hour = time.gmtime(at / 1000).tm_hour
    n = max(0, int(random.gauss(3 + 9 * (8 <= hour <= 21), 2) * (1.6 - back / (30 * 96))))
    static, cooldown, failed = n // 12, n // 9, 1 if random.random() < 0.02 else 0
    counts.execute("INSERT OR IGNORE INTO counts (account, at, dynamic, static, cooldown, quota, expired, no_phone, failed) VALUES (?,?,?,?,?,0,0,0,?)",
        (account, at, n - static - cooldown, static, cooldown, failed))
    for _ in range(n):
        ms = int(random.lognormvariate(4.1 + 0.25 * (hour > 17), 0.45))
        times.execute("INSERT INTO latencies (account, at, class, n) VALUES (?,?,?,1) ON CONFLICT (account, at, class) DO UPDATE SET n = n + 1", (account, at, of(ms)))
year, m = time.gmtime()[:2]
begin, end = (calendar.timegm((y, n, 1, 0, 0, 0)) * 1000 for y, n in ((year, m), (year + m // 12, m % 12 + 1)))
used, = counts.execute("SELECT COALESCE(SUM(dynamic + static), 0) FROM counts WHERE at >= ?", (begin,)).fetchone()
counts.execute("INSERT OR REPLACE INTO limits (key, taken, until) VALUES (?,?,?)", (b"quota/" + account.encode(), used, end))
counts.commit(); times.commit()
print(used)
`;

const stage = await Stage.open();
try {
  const page = await stage.page({ viewport: { width: 1280, height: 860 }, colorScheme: "light" });
  const shoot = (name, fullPage = false) => page.screenshot({ path: join(directory, `${name}.png`), fullPage, caret: "initial" });
  const open = async (path, shows) => {
    await page.goto(stage.url + path);
    await page.waitForSelector(shows);
    await page.waitForTimeout(300);
  };
  await stage.enter(page);
  const { id } = await stage.api(page, "GET", "/v1/auth/me");
  await stage.link(page, "shop-logins", "Shop logins", "15550100010");
  await stage.api(page, "POST", "/v1/triggers", { session_id: "shop-logins", trigger_phrase: "login", reply_message: "Hello! We are preparing your login for {{phone}}." });
  await stage.api(page, "POST", "/v1/triggers", { session_id: "shop-logins", trigger_phrase: "help", reply_message: "Text login to sign in. A person answers from 9 to 5.", is_active: true });
  await stage.api(page, "PUT", "/v1/webhooks", { url: await stage.backend() });
  await stage.api(page, "PATCH", "/v1/settings", { cooldown_seconds: 0 });

  await stage.stop();
  const used = Number(execFileSync("python3", ["-c", month, join(stage.dir, "data"), id]));
  await stage.serve();

  await open("/overview", "#try");
  await page.click("[aria-label=Send]");
  await page.waitForSelector(".trail");
  await page.locator("#try").screenshot({ path: join(directory, "try-it.png"), caret: "initial" });
  await open("/overview?range=30d", "[data-chart=lines] canvas");
  await page.waitForSelector("body[data-live]");
  for (let i = 0; i < 6; i++) {
    const { number } = await stage.phone("POST", "", { number: `91987654321${i}` });
    stage.hookStatus = i === 3 ? 503 : 200;
    await stage.phone("POST", `/${number}/messages`, { to: "15550100010", text: "login X4K9MQ" });
    await page.waitForFunction((n) => document.querySelectorAll("#feed li[data-state=replied]").length > n, i);
    await page.waitForTimeout(700);
  }
  await page.waitForSelector(`#usage strong:text-is('${(used + 6).toLocaleString("en-US")}')`, { timeout: 9000 });
  await page.setViewportSize({ width: 1280, height: 1040 });
  await page.waitForTimeout(500);
  await shoot("overview");
  await page.emulateMedia({ colorScheme: "dark" });
  await page.waitForTimeout(300);
  await shoot("overview-dark");
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 860 });
  await open("/auto-reply", ".trigger");
  await page.fill(".match input", "Login X4K9MQ");
  await page.waitForSelector("#match .banner");
  await shoot("auto-reply");
  await open("/webhooks/deliveries", "tbody tr");
  await shoot("deliveries");
  await open("/webhooks/test", "text=Send a test");
  await page.click("text=Send a test");
  await page.waitForSelector(".test-result");
  await shoot("webhook-test");
  await page.goto(`${stage.url}/sessions`);
  await page.click("text=Add session");
  await page.fill("dialog [name=name]", "Second number");
  await page.keyboard.press("Enter");
  await page.waitForSelector("svg.qr");
  await page.waitForTimeout(1200);
  await shoot("link");
  await page.setViewportSize({ width: 390, height: 844 });
  await page.emulateMedia({ colorScheme: "dark" });
  await shoot("link-phone");
} finally {
  await stage.close();
}
