// The login page of the example site. It polls with an HttpOnly cookie that only this browser has.
"use strict";

const $ = (id) => document.getElementById(id);
const stage = window.parent === window ? null : window.parent;
const OVER = {
  none: ["Sign in with WhatsApp", "Get a code, send it from your phone, and open the link that comes back."],
  expired: ["The code has expired", "A code is valid for five minutes."],
  void: ["The code is no longer valid", "It was sent from two phones, so it signs nobody in."],
  used: ["The link was opened in another browser", "That browser is signed in. This one only showed the code."],
};

let drawn = "";

function spaced(phone) {
  if (/^91\d{10}$/.test(phone)) return `+91 ${phone.slice(2, 7)} ${phone.slice(7)}`;
  if (/^1\d{10}$/.test(phone)) return `+1 ${phone.slice(1, 4)} ${phone.slice(4, 7)} ${phone.slice(7)}`;
  return "+" + phone;
}

function clock(seconds) {
  return Math.floor(seconds / 60) + ":" + String(seconds % 60).padStart(2, "0");
}

function show(s) {
  const waiting = s.state === "waiting" || s.state === "sent";
  $("waiting").hidden = !waiting;
  $("inside").hidden = s.state !== "signed_in";
  $("over").hidden = waiting || s.state === "signed_in";
  if (waiting) {
    if (drawn !== s.code) {
      $("number").textContent = spaced(s.number);
      $("code").textContent = s.text;
      $("open").href = s.link;
      $("qr").src = "/shop/qr.png?" + s.code; // the cookie says whose; this only beats the cache
      drawn = s.code;
    }
    const sent = s.state === "sent";
    const words = sent ? "Got it. Open the link that we sent you on WhatsApp, in the browser you want to use." : `Waiting for your message. The code is valid for ${clock(s.left)}`;
    if ($("state").textContent !== words) $("state").textContent = words;
    $("state").setAttribute("aria-live", sent ? "polite" : "off"); // a clock is not read out
    $("state").classList.toggle("sent", sent);
  } else if (s.state === "signed_in") {
    const fresh = $("phone").textContent === "";
    $("phone").textContent = spaced(s.phone);
    if (fresh) $("inside").classList.add("rise");
  } else {
    const [title, text] = OVER[s.state] || OVER.none;
    $("over-title").textContent = title;
    $("over-text").textContent = text;
  }
  stage?.postMessage({ type: "code", text: waiting ? s.text : "", signedIn: s.state === "signed_in" }, location.origin);
}

async function ask(method) {
  const answer = await fetch("/shop/login", { method });
  if (!answer.ok) throw new Error("status " + answer.status);
  const s = await answer.json();
  show(s);
  return s;
}

async function follow() {
  try {
    await ask("GET");
  } catch {
    $("state").textContent = "The shop does not respond. Trying again.";
  }
  setTimeout(follow, 1000);
}

$("again").addEventListener("click", () => ask("POST"));
$("out").addEventListener("click", async () => {
  await fetch("/shop/logout", { method: "POST" });
  $("phone").textContent = "";
  await ask("POST");
});
$("open").addEventListener("click", (e) => {
  e.preventDefault(); // the demo's number exists nowhere else
  if (stage) stage.postMessage({ type: "compose", text: $("code").textContent }, location.origin);
  else $("note").hidden = false;
});

ask("GET").then((s) => (s.state === "none" || s.state === "expired" ? ask("POST") : s)).catch(() => {}).finally(() => setTimeout(follow, 1000));
