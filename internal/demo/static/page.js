// The stage: what the feed tells becomes bubbles on the phone and rows of the timeline.
"use strict";

const STEPS = [
  ["sent", "Phone sends", "the code from the login page"],
  ["received", "Number receives", "decrypted by the linked device"],
  ["stored", "Stored", "on disk, before WhatsApp gets its acknowledgement"],
  ["asked", "Webhook sent", "signed, over HTTP"],
  ["answered", "Backend answers", "with a one-time link"],
  ["decided", "Reply decided", "text stored, cooldown and quota counted"],
  ["replied", "Reply sent", "WhatsApp acknowledged it"],
  ["shown", "Phone shows it", "once, however often it was sent"],
  ["opened", "Link opened", "in the browser above"],
  ["signed_in", "Signed in", "the browser that opened the link, no other"],
];
const BY_PEOPLE = new Set(["opened", "signed_in"]);
const WHY = {
  cooldown: ["No reply: cooldown", "this number got a reply less than 5 seconds ago; the event told the backend"],
  quota: ["No reply: quota", "the month’s messages are used up"],
  expired: ["No reply: too old", "the message was too old when it arrived"],
  "no trigger": ["No trigger", "Pingr only handles texts that start with “login”; nothing was stored"],
};

const $ = (id) => document.getElementById(id);
const make = (tag, text, name) => {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  if (name) node.className = name;
  return node;
};

// ---- phone ----
const chat = $("chat");
let code = "";

function bubble(m) {
  const item = make("li", "", (m.mine ? "mine" : "theirs") + " rise");
  for (const part of m.text.split(/(https?:\/\/\S+)/)) {
    if (!m.mine && part.startsWith(location.origin + "/")) {
      const link = make("a", part);
      link.href = part;
      link.addEventListener("click", (e) => {
        if (e.ctrlKey || e.metaKey || e.shiftKey) return; // a tab of one's own
        e.preventDefault();
        $("frame").src = part;
        $("frame").scrollIntoView({ block: "nearest", behavior: "smooth" });
      });
      item.append(link);
    } else {
      item.append(part);
    }
  }
  const time = make("time", new Date(m.at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = m.at;
  item.append(time);
  chat.append(item);
  while (chat.children.length > 120) chat.firstElementChild.remove();
  chat.scrollTop = chat.scrollHeight;
}

async function send(text) {
  const answer = await fetch("/phone/messages", {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ text }),
  }).catch(() => null);
  if (!answer || !answer.ok) chat.append(make("li", "Not sent. Is the demo still running?", "hint"));
}

$("compose").addEventListener("submit", (e) => {
  e.preventDefault();
  const text = $("text").value.trim();
  if (!text) return;
  $("text").value = "";
  send(text);
});
$("quick").addEventListener("click", () => send(code));

// The login page says which code it shows; its WhatsApp button types it for us.
window.addEventListener("message", (e) => {
  if (e.origin !== location.origin || !e.data) return;
  if (e.data.type === "code") {
    code = e.data.text || "";
    $("quick").disabled = !code;
    $("quick").textContent = code ? `Send “${code}”` : e.data.signedIn ? "Signed in. Nothing to send" : "No code on the login page";
  }
  if (e.data.type === "compose") {
    $("text").value = e.data.text;
    $("text").focus();
  }
});
$("frame").addEventListener("load", () => {
  try {
    const path = $("frame").contentWindow.location.pathname;
    $("address").textContent = location.host + path.replace(/(\/in\/.{6}).*/, "$1…");
  } catch { /* another site: nothing to say */ }
});

// ---- timeline ----
const rows = new Map();
let run = { trace: "", steps: new Map() };

function layOut() {
  $("steps").replaceChildren();
  rows.clear();
  for (const [id, title, note] of STEPS) addRow(id, title, note);
}

function addRow(id, title, note, name) {
  const row = make("li", "", name || (BY_PEOPLE.has(id) ? "person" : ""));
  const words = make("div");
  words.append(make("strong", title), make("span", note));
  const track = make("div", "", "track");
  track.setAttribute("aria-hidden", "true");
  track.append(make("i"));
  row.append(words, track, make("output", "–"));
  rows.set(id, row);
  $("steps").append(row);
}

function step(s) {
  if (s.step === "sent") {
    run = { trace: s.trace, steps: new Map() };
    layOut();
    $("wire").classList.remove("full");
    $("wire").replaceChildren(make("p", "No webhook for this message."));
  }
  if (s.trace !== run.trace || (run.steps.has(s.step) && s.step !== "opened")) return;
  run.steps.set(s.step, s);
  if (s.step === "no_reply") stopAt(s);
  draw();
}

// stopAt shows a message that gets no reply: what would have followed goes.
function stopAt(s) {
  const [title, note] = WHY[s.note] || ["No reply", s.note];
  for (const [id] of STEPS) {
    if (run.steps.has(id)) continue;
    rows.get(id)?.remove();
    rows.delete(id);
  }
  addRow("no_reply", title, note, "stop");
}

function draw() {
  const machine = [...run.steps.values()].filter((s) => !BY_PEOPLE.has(s.step)).sort((a, b) => a.ms - b.ms);
  const end = Math.max(machine.at(-1)?.ms || 0, 1);
  let before = 0;
  for (const s of machine) {
    const row = rows.get(s.step);
    row.classList.add("done");
    row.querySelector("output").textContent = s.ms.toFixed(1) + " ms";
    row.style.setProperty("--from", (before / end) * 99 + "%");
    row.style.setProperty("--share", ((s.ms - before) / end) * 100 + "%");
    before = s.ms;
  }
  const shown = run.steps.get("shown");
  for (const id of BY_PEOPLE) {
    const s = run.steps.get(id);
    if (!s || !shown) continue;
    rows.get(id).classList.add("done");
    rows.get(id).querySelector("output").textContent = "+" + ((s.ms - shown.ms) / 1000).toFixed(1) + " s";
  }
  const total = $("total");
  if (shown) {
    total.replaceChildren(make("b", shown.ms.toFixed(0) + " ms"), " from the phone and back");
  } else if (run.steps.has("no_reply")) {
    total.textContent = "This message gets no reply";
  }
}

function pretty(text) {
  try { return JSON.stringify(typeof text === "string" ? JSON.parse(text) : text, null, 2); } catch { return text; }
}

function wire(x) {
  const part = (title, text) => {
    const div = make("div");
    div.append(make("h3", title), make("pre", text));
    return div;
  };
  $("wire").classList.add("full");
  $("wire").replaceChildren(
    part("POST /webhook", "x-pingr-signature: " + x.signature + "\n\n" + pretty(x.request)),
    part("Answer " + x.status, pretty(x.response)),
  );
}

layOut();
const feed = new EventSource("/events");
const on = (kind, show) => feed.addEventListener(kind, (e) => show(JSON.parse(e.data)));
on("message", bubble);
on("step", step);
on("wire", wire);
on("session", (s) => {
  $("session").textContent = s.state === "connected" ? "number linked" : "number: " + s.state.replace("_", " ");
  $("session").classList.toggle("down", s.state !== "connected");
});
feed.onerror = () => {
  $("session").textContent = "demo stopped";
  $("session").classList.add("down");
};
feed.onopen = () => {
  $("session").textContent = "number linked";
  $("session").classList.remove("down");
};
