// Follows a login by a cookie that this page cannot read.
"use strict";

const $ = (id) => document.getElementById(id);
const OVER = {
  void: "This login is no longer valid",
  refused: "Somebody replied NO on the phone",
  none: "This code has expired",
};
let timer;
let counting = false;

function only(id) {
  for (const other of ["inside", "outside", "waiting", "asked", "over"]) $(other).hidden = other !== id;
}

// show asks who this browser is.
async function show() {
  const me = await fetch("/me");
  if (me.ok) $("phone").textContent = "+" + (await me.json()).phone;
  only(me.ok ? "inside" : "outside");
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
  if ($("waiting").hidden && $("asked").hidden) return;
  const { status, number, reason, retry_after: seconds } = await (await fetch("/poll")).json();
  if (status === "waiting") {
    if ($("waiting").hidden) only("waiting"); // a poll of the code before was answered late
    say(unanswered(reason, seconds), seconds > 0);
    follow();
  } else if (status === "asked") {
    if ($("asked").hidden) {
      $("number").textContent = number;
      only("asked");
      $("digits").focus();
    }
    $("lost").hidden = $("renew").hidden = !reason;
    follow();
  } else if (status === "done") {
    await show();
  } else {
    over(status);
  }
}

function over(status) {
  $("over-text").textContent = OVER[status] || OVER.void;
  only("over");
}

function follow() {
  clearTimeout(timer);
  timer = setTimeout(() => poll().catch(follow), 1000);
}

async function start() {
  const answer = await fetch("/start", { method: "POST", body: "{}" });
  if (!answer.ok) {
    over("void");
    $("over-text").textContent = "Too many login attempts. Try again in a minute";
    return;
  }
  const started = await answer.json();
  $("text").textContent = started.text;
  $("open").href = started.link;
  $("qr").src = "/qr.png?" + started.code; // the cookie says whose; this only passes the cache
  $("digits").value = "";
  $("wrong").hidden = true;
  only("waiting");
  await poll();
}

$("start").addEventListener("click", start);
$("again").addEventListener("click", start);
$("renew").addEventListener("click", start);
$("asked").addEventListener("submit", async (e) => {
  e.preventDefault();
  const answer = await fetch("/digits", { method: "POST", body: JSON.stringify({ digits: $("digits").value }) });
  const { status, tries_left: left } = await answer.json();
  if (status === "done") {
    await show();
  } else if (status === "asked") {
    $("wrong").textContent = `Wrong digits. Tries left: ${left}.`;
    $("wrong").hidden = false;
    $("digits").select();
  } else {
    over(status);
  }
});
$("out").addEventListener("click", async () => {
  await fetch("/logout", { method: "POST" });
  only("outside");
});
show();
