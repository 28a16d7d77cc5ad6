"use strict";
const key = "review-" + document.body.dataset.draw;
const kept = (() => {
  try { return JSON.parse(localStorage.getItem(key)) || {}; } catch { return {}; } // a browser may forbid it to files
})();
const ids = [...document.querySelectorAll("section")].map((section) => section.id);

function keep(id, field, value) {
  kept[id] = { ...kept[id], [field]: value };
  try { localStorage.setItem(key, JSON.stringify(kept)); } catch { /* then labels last as long as the page */ }
  count();
}

function count() {
  const left = ids.filter((id) => !(kept[id] || {}).label).length;
  document.getElementById("left").textContent = left ? `${left} of ${ids.length} left` : "all labelled";
  for (const id of ids) document.getElementById(id).classList.toggle("done", Boolean((kept[id] || {}).label));
}

function cell(text) {
  const harmless = /^[=+\-@\t\r]/.test(text) ? "'" + text : text; // else a spreadsheet would run it
  return '"' + harmless.replaceAll('"', '""') + '"';
}

for (const input of document.querySelectorAll("input[type=radio]")) {
  input.checked = (kept[input.name] || {}).label === input.value;
  input.addEventListener("change", () => keep(input.name, "label", input.value));
}
for (const input of document.querySelectorAll("[data-comment]")) {
  input.value = (kept[input.dataset.comment] || {}).comment || "";
  input.addEventListener("input", () => keep(input.dataset.comment, "comment", input.value));
}
document.getElementById("save").addEventListener("click", () => {
  const rows = ids.map((id) => [id, (kept[id] || {}).label || "", (kept[id] || {}).comment || ""]);
  const text = "\ufeff" + [["id", "label", "comment"], ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = "labels.csv";
  link.click();
});
count();
