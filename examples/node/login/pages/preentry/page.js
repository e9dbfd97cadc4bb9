// Follows a login by a cookie that this page cannot read.
"use strict";

const $ = (id) => document.getElementById(id);
const WORDS = {
  waiting: "Waiting for your message.",
  sent: "Got it. Tap the link in the answer, in the browser that you want to use.",
  done: "Done: the link was used. If that was another browser, it is the one that is logged in.",
  void: "This code is void: it came from another phone, or was forwarded. Start again.",
  none: "This code is too old. Start again.",
};
let timer;

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

async function poll() {
  if ($("waiting").hidden) return;
  const { status } = await (await fetch("/poll")).json();
  if ($("state").textContent !== WORDS[status]) $("state").textContent = WORDS[status];
  if (status === "done") await show(); // it may have been this browser
  if (status === "waiting" || status === "sent") follow();
}

function follow() {
  clearTimeout(timer);
  timer = setTimeout(() => poll().catch(follow), 1000);
}

$("outside").addEventListener("submit", async (e) => {
  e.preventDefault();
  const answer = await fetch("/start", { method: "POST", body: JSON.stringify({ phone: $("number").value }) });
  $("wrong").hidden = answer.ok;
  if (!answer.ok) {
    $("wrong").textContent = answer.status === 422 ? "That is no phone number." : "Please try again in a minute.";
    return;
  }
  const started = await answer.json();
  $("text").textContent = started.text;
  $("open").href = started.link;
  only("waiting");
  await poll();
});
$("again").addEventListener("click", () => only("outside"));
$("out").addEventListener("click", async () => {
  await fetch("/logout", { method: "POST" });
  only("outside");
});
addEventListener("visibilitychange", () => document.visibilityState === "visible" && show());
show();
