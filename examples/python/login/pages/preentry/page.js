// Follows a login by a cookie that this page cannot read.
"use strict";

const $ = (id) => document.getElementById(id);
const WORDS = {
  sent: "Got it. Open the link from the reply in the browser that you want to use.",
  done: "Done: the link was used. The browser that opened it is logged in.",
  void: "This code is no longer valid: it came from another phone, or was forwarded. Start again.",
  none: "This code has expired. Start again.",
};
const LOST = "Our reply may have been lost. If you received no link, get a new code.";
let timer;
let counting = false;

function only(id) {
  for (const other of ["inside", "outside", "waiting"]) $(other).hidden = other !== id;
}

// show asks who this browser is.
async function show() {
  const me = await fetch("/me");
  if (me.ok) {
    $("phone").textContent = "+" + (await me.json()).phone;
    only("inside");
  } else if ($("waiting").hidden) {
    only("outside");
  }
}

// say tells it in the page. A countdown is read out once, and not every second.
function say(text, counts) {
  const state = $("state");
  if (state.textContent === text) return;
  state.ariaLive = counts && counting ? "off" : "polite";
  counting = counts;
  state.textContent = text;
}

// unanswered is why the chat stays silent, though the message came.
function unanswered(reason, seconds) {
  if (reason === "cooldown") return seconds > 0 ? `We replied to you a moment ago. Text again in ${seconds} s.` : "You can text again now.";
  if (reason === "quota") return "We got your message, but cannot reply to any more this month.";
  if (reason === "answered") return "Your message reached us too late to reply to. Text again in a minute.";
  return "Waiting for your message.";
}

async function poll() {
  if ($("waiting").hidden) return;
  const { status, reason, retry_after: seconds } = await (await fetch("/poll")).json();
  const lost = status === "sent" && Boolean(reason);
  say(lost ? LOST : WORDS[status] ?? unanswered(reason, seconds), seconds > 0);
  $("renew").hidden = !lost;
  if (status === "done") await show(); // it may have been this browser
  if (status === "waiting" || status === "sent") follow();
}

function follow() {
  clearTimeout(timer);
  timer = setTimeout(() => poll().catch(follow), 1000);
}

async function start() {
  const answer = await fetch("/start", { method: "POST", body: JSON.stringify({ phone: $("number").value }) });
  $("wrong").hidden = answer.ok;
  if (!answer.ok) {
    only("outside");
    $("wrong").textContent = answer.status === 422 ? "That is no number on WhatsApp." : "Please try again in a minute.";
    return;
  }
  const started = await answer.json();
  $("text").textContent = started.text;
  $("open").href = started.link;
  only("waiting");
  await poll();
}

$("outside").addEventListener("submit", (e) => {
  e.preventDefault();
  start();
});
$("renew").addEventListener("click", start);
$("again").addEventListener("click", () => only("outside"));
$("out").addEventListener("click", async () => {
  await fetch("/logout", { method: "POST" });
  only("outside");
});
addEventListener("visibilitychange", () => document.visibilityState === "visible" && show());
show();
