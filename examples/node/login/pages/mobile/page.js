// Shows whether this browser is logged in.
"use strict";

const $ = (id) => document.getElementById(id);

async function show() {
  const answer = await fetch("/me");
  const inside = answer.ok;
  if (inside) $("phone").textContent = "+" + (await answer.json()).phone;
  $("inside").hidden = !inside;
  $("outside").hidden = inside;
}

$("out").addEventListener("click", async () => {
  await fetch("/logout", { method: "POST" });
  await show();
});
addEventListener("visibilitychange", () => document.visibilityState === "visible" && show());
show();
