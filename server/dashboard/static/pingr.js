// What pages do beyond HTML: live events, times in the reader's zone, dialogs,
// copying, toasts. Pages mark what they want by data- attributes; README.md has
// the list. A page's own script is a file beside this one.
"use strict";

// Live: one stream of /v1/events for a visible page. Each event becomes
// "pingr:NAME" on the body, and a while later, for all that came until then,
// "pingr:NAME-soon", for hx-trigger="pingr:firing-soon from:body". "pingr:open"
// says that the stream begins: what changed since the page was made was not
// heard. After a break, "pingr:back" says that whatever is shown may be old.
const live = {
  source: null,
  wait: 0,
  lost: false,
  open() {
    const url = document.body.dataset.events;
    if (!url || this.source || document.hidden) return;
    clearTimeout(this.wait);
    this.source = new EventSource(url);
    this.source.addEventListener("open", () => {
      this.mark(false);
      document.body.dataset.live = "";
      document.body.dispatchEvent(new CustomEvent("pingr:open"));
    });
    this.source.addEventListener("error", () => this.again());
    for (const name of ["session", "firing", "delivery"]) {
      this.source.addEventListener(name, (event) => {
        let detail = null;
        try { detail = JSON.parse(event.data); } catch { return; }
        document.body.dispatchEvent(new CustomEvent(`pingr:${name}`, { detail }));
        this.soon(name);
      });
    }
  },
  // However many events come, what is fetched again because of them is at most
  // every five seconds; dashboards that hear the same do not ask at once.
  told: {},
  soon(name) {
    if (this.told[name]?.timer) return;
    const now = performance.now();
    const at = Math.max(now + 300, (this.told[name]?.at ?? -Infinity) + 5000) + Math.random() * 700;
    this.told[name] = { at, timer: setTimeout(() => {
      this.told[name].timer = 0;
      document.body.dispatchEvent(new CustomEvent(`pingr:${name}-soon`));
    }, at - now) };
  },
  close() {
    clearTimeout(this.wait);
    this.source?.close();
    this.source = null;
    delete document.body.dataset.live;
  },
  // The browser's own retry gives up for good on an error status; this never does.
  async again() {
    this.close();
    let delay = 1500;
    try {
      const answer = await fetch("/v1/auth/me", { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(3000) });
      if (answer.status === 401) { location.assign(`/login?next=${encodeURIComponent(location.pathname)}`); return; }
      if (answer.ok) { this.mark(false); delay = 3000; } else { this.mark(true); }
    } catch { this.mark(true); }
    this.wait = setTimeout(() => this.open(), delay);
  },
  mark(lost) {
    const banner = document.getElementById("offline");
    if (banner) banner.hidden = !lost;
    if (this.lost && !lost) document.body.dispatchEvent(new CustomEvent("pingr:back"));
    this.lost = lost;
  },
};
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { live.close(); return; }
  live.open();
  document.body.dispatchEvent(new CustomEvent("pingr:back"));
});
addEventListener("pagehide", () => live.close());
addEventListener("pageshow", () => live.open());

// Times: <time datetime data-style> is written in the reader's zone.
const styles = {
  time: { timeStyle: "medium" },
  date: { dateStyle: "medium" },
  stamp: { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  full: { dateStyle: "medium", timeStyle: "short" },
};
function ago(at) {
  const seconds = Math.round((at - Date.now()) / 1000);
  const relative = new Intl.RelativeTimeFormat(document.documentElement.dataset.intl, { numeric: "auto" });
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]]) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return relative.format(Math.min(seconds, 0), "second");
}
function tellTime(element) {
  const at = new Date(element.dateTime);
  if (Number.isNaN(at.getTime())) return;
  const style = element.dataset.style;
  element.textContent = style === "ago" ? ago(at) : at.toLocaleString(document.documentElement.dataset.intl, styles[style] ?? styles.full);
  element.title = at.toLocaleString(document.documentElement.dataset.intl, { dateStyle: "full", timeStyle: "long" });
}
setInterval(() => document.querySelectorAll("time[data-style=ago]").forEach(tellTime), 15000);

// Countdowns: data-until is their end, data-say holds %s for the seconds.
function tellLeft(element) {
  const left = Math.round((new Date(element.dataset.until) - Date.now()) / 1000);
  if (left > 0) element.textContent = element.dataset.say.replace("%s", left.toLocaleString(document.documentElement.dataset.intl));
}
setInterval(() => document.querySelectorAll("[data-until]").forEach(tellLeft), 1000);

// toast says something for some seconds.
function toast(text) {
  const line = document.createElement("div");
  line.className = "toast";
  line.textContent = text;
  document.getElementById("toasts")?.append(line);
  setTimeout(() => line.remove(), 6000);
}

// Names of time zones, where a field offers them.
function tellZones(list) {
  if (list.children.length) return;
  list.append(...["UTC", ...(Intl.supportedValuesOf?.("timeZone") ?? [])].map((zone) => new Option(zone, zone)));
}

// What opened a dialog gets the focus back, also when a second dialog took the
// first one's place, or when what opened it was replaced meanwhile.
let opener = null;
function giveBack() {
  if (document.activeElement !== document.body) return;
  (opener?.isConnected ? opener : document.getElementById(opener?.id))?.focus();
}

// A piece of HTML that has just come to the page.
function arrived(root) {
  root.querySelectorAll("time[datetime]").forEach(tellTime);
  root.querySelectorAll("[data-until]").forEach(tellLeft);
  root.querySelectorAll("datalist#zones").forEach(tellZones);
  root.querySelectorAll("dialog[data-modal]:not([open])").forEach((dialog) => {
    if (document.activeElement !== document.body) opener = document.activeElement;
    dialog.showModal();
    dialog.addEventListener("close", () => { dialog.remove(); giveBack(); });
  });
  document.body.dispatchEvent(new CustomEvent("pingr:arrived", { detail: { root } }));
}

document.addEventListener("click", (event) => {
  const of = (selector) => event.target.closest?.(selector);
  let button;
  if ((button = of("[data-copy]"))) {
    navigator.clipboard?.writeText(button.dataset.copy).then(() => toast(button.dataset.copied), () => {});
  } else if ((button = of("[data-close]"))) {
    button.closest("dialog")?.close();
  } else if ((button = of("[data-theme-toggle]"))) {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    document.cookie = `pingr_theme=${root.dataset.theme};path=/;max-age=31536000;samesite=lax`;
    document.body.dispatchEvent(new CustomEvent("pingr:theme"));
  } else if ((button = of("[data-toggle]"))) {
    const open = document.getElementById(button.dataset.toggle)?.classList.toggle("open");
    button.setAttribute("aria-expanded", String(Boolean(open)));
  }
});

// A checkbox with data-shows="id id" shows the passwords in those fields.
const offerToShow = () => document.querySelectorAll("label:has([data-shows])[hidden]").forEach((label) => { label.hidden = false; });
document.addEventListener("change", (event) => {
  const ids = event.target.dataset?.shows;
  if (ids) for (const id of ids.split(" ")) document.getElementById(id).type = event.target.checked ? "text" : "password";
});
document.body.addEventListener("pingr:arrived", offerToShow);
offerToShow();

document.addEventListener("keydown", (event) => {
  const button = event.key === "Escape" && document.querySelector("[data-toggle][aria-expanded=true]");
  if (!button) return;
  button.click();
  button.focus();
});

// htmx: refusals keep the page and are said in a toast; HX-Reswap: none does the
// keeping. Parts that a server adds may carry data-close-dialog.
document.addEventListener("htmx:after:request", (event) => {
  const headers = event.detail?.ctx?.response?.headers;
  const text = headers?.get("Pingr-Toast");
  if (text) toast(decodeURIComponent(text));
  if (headers?.get("Pingr-Failed")) unturn(event.target);
  if (headers?.get("Pingr-Tried")) document.body.dispatchEvent(new CustomEvent("pingr:tried"));
  if (headers?.get("Pingr-Changed")) document.body.dispatchEvent(new CustomEvent("pingr:back"));
});
document.addEventListener("htmx:error", (event) => {
  toast(document.body.dataset.failed);
  unturn(event.target);
});
// A switch that could not be turned shows what is.
function unturn(element) {
  element.closest?.("form[hx-trigger=change]")?.reset();
}
// A form goes once: a second click while it is under way would make a second key.
document.addEventListener("submit", (event) => {
  if (!event.target.matches(".htmx-request")) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);
document.addEventListener("htmx:after:settle", () => arrived(document.body));
document.addEventListener("htmx:after:swap", () => {
  if (document.querySelector("[data-close-dialog]")) {
    document.querySelectorAll("dialog[open]").forEach((dialog) => dialog.close());
    document.querySelectorAll("[data-close-dialog]").forEach((mark) => mark.remove());
    giveBack();
  }
  arrived(document.body);
});

document.cookie = `pingr_zone=${Intl.DateTimeFormat().resolvedOptions().timeZone};path=/;max-age=31536000;samesite=lax`;
arrived(document.body);
live.open();
