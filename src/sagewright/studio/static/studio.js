/* Studio's own script: what links and forms cannot do. No inline handlers, no eval. Delegated listeners, so that it survives morphs. */
const $ = (q, from = document) => from.querySelector(q), $$ = (q, from = document) => [...from.querySelectorAll(q)];

/* Colour: the switch writes a cookie, so that the server draws the next page right at once. */
const theme = value => {
  value === "system" ? delete document.documentElement.dataset.theme : document.documentElement.dataset.theme = value;
  document.cookie = `theme=${value};path=/;max-age=31536000;samesite=lax`;
  $$(".theme button").forEach(b => b.setAttribute("aria-pressed", b.value === value));
  dispatchEvent(new Event("studio:theme"));            /* charts ask for their colours again */
};
theme((document.cookie.match(/theme=(\w+)/) || [, "system"])[1]);

document.addEventListener("click", event => {
  const at = q => event.target.closest(q);
  let hit;
  if ((hit = at(".theme button"))) { event.preventDefault(); theme(hit.value); }
  if ((hit = at("[data-copy]"))) navigator.clipboard.writeText(hit.dataset.copy).then(() => toast("Copied"));
  if ((hit = at("[data-open]"))) { event.preventDefault(); $(hit.dataset.open).showModal(); }
  if ((hit = at("[data-close]"))) hit.closest("dialog").close();
});

const toast = words => {
  const one = $("#toast").content.cloneNode(true).firstElementChild;
  $("span", one).textContent = words;
  $(".toasts").append(one);
  setTimeout(() => one.remove(), 4000);
};

/* Rows: x chooses, Shift extends, the bar says how many. */
const count = () => {
  const n = $$(".tbl .box > :checked").length, bar = $(".picked");
  if (!bar) return;
  bar.hidden = n === 0;
  $("b", bar).textContent = n;
  $$("[data-least]", bar).forEach(b => b.disabled = n < b.dataset.least);
};
let last = null;
document.addEventListener("click", event => {
  const box = event.target.closest(".tbl .box > input");
  if (!box) return;
  const all = $$(".tbl tbody .box > input");
  if (box.dataset.all !== undefined) all.forEach(b => b.checked = box.checked);
  else if (event.shiftKey && last) { const [a, b] = [all.indexOf(last), all.indexOf(box)].sort((p, q) => p - q); all.slice(a, b + 1).forEach(c => c.checked = box.checked); }
  last = box;
  count();
});

/* Keys: / finds, ? lists, g and a letter goes, j k move, x chooses, Enter opens, Escape leaves. */
let g = 0;
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]") || $("dialog[open]")) return;
  const rows = $$(".tbl[data-keys] tbody tr"), at = rows.indexOf(document.activeElement.closest?.("tr"));
  const go = i => { const row = rows[Math.max(0, Math.min(rows.length - 1, i))]; row?.focus(); row?.scrollIntoView({ block: "nearest" }); };
  if (Date.now() - g < 900) { const to = $(`[data-go="${event.key}"]`); g = 0; if (to) { event.preventDefault(); to.click(); } return; }
  if (event.key !== "/" && event.key !== "?" && localStorage.getItem("single-keys") === "off") return;   /* WCAG 2.1.4 */
  const press = q => { const it = $(q); if (it && !it.disabled) it.click(); };
  const act = {
    c: () => press("[data-key=c]"), v: () => press(".picked:not([hidden]) [data-key=v]"), e: () => press(".picked:not([hidden]) [data-key=e]"), z: () => press("[data-key=z]"),
    "/": () => $("#palette").showModal(), "?": () => $("#keys").showModal(), g: () => { g = Date.now(); },
    j: () => go(at + 1), k: () => go(at - 1), x: () => { $(".box > input", rows[at])?.click(); }, Enter: () => $("a", rows[at])?.click(),
  }[event.key];
  if (act && (!["x", "Enter"].includes(event.key) || at >= 0 && document.activeElement === rows[at])) { event.preventDefault(); act(); }
});

/* Log: a click on a line's number makes the line the address; search marks. */
document.addEventListener("click", event => { const no = event.target.closest(".log .no"); if (no) location.hash = no.parentElement.id; });
document.addEventListener("input", event => {
  if (!event.target.matches(".log-bar input[type=search]")) return;
  const want = event.target.value.toLowerCase();
  $$(".log li").forEach(li => { const t = $("span:last-child", li), s = t.textContent, i = want ? s.toLowerCase().indexOf(want) : -1; t.textContent = s; li.hidden = want && i < 0; if (i >= 0) { const r = new Range(), m = document.createElement("mark"); r.setStart(t.firstChild, i); r.setEnd(t.firstChild, i + want.length); r.surroundContents(m); } });
});

/* A name cut in its middle shows itself whole. */
document.addEventListener("mouseover", event => { const mid = event.target.closest(".mid"); if (mid) mid.title ||= mid.textContent; });

$$(".log").forEach(log => { log.scrollTop = log.scrollHeight; });   /* a log opens at its end and follows until one scrolls up */
count();

/* Single keys can be turned off; the browser keeps the answer. */
const single = $("[name=single-keys]");
if (single) { single.checked = localStorage.getItem("single-keys") !== "off"; single.addEventListener("change", () => localStorage.setItem("single-keys", single.checked ? "on" : "off")); }

/* Draft: a field that knows what was ([data-was]); its twin and its word follow, the bar counts, code shows the line. */
const drafts = () => {
  const all = $$("[data-was]"), changed = all.filter(f => f.value !== f.dataset.was), bar = $(".draft");
  all.forEach(f => {
    const is = f.value !== f.dataset.was;
    f.closest("tr")?.classList.toggle("changed", is);
    $$(`[data-of="${f.name}"]`).forEach(w => { w.textContent = f.value; w.closest(".line")?.classList.toggle("now", is); w.classList.toggle("is-draft", is); });
  });
  if (bar?.dataset.count !== undefined) { bar.hidden = !changed.length; $("b", bar).textContent = changed.length; }
};
document.addEventListener("input", event => {
  const f = event.target;
  if (f.dataset.twin) { const other = $(`[name="${f.dataset.twin}"]`); if (other) other.value = f.value; }
  if (f.dataset.was !== undefined || f.dataset.twin) drafts();
});
document.addEventListener("click", event => { if (event.target.closest("[data-discard]")) { $$("[data-was]").forEach(f => { f.value = f.dataset.was; const o = f.dataset.twin && $(`[name="${f.dataset.twin}"]`); if (o) o.value = f.value; }); drafts(); } });
drafts();

/* What a morph or more rows bring: titles of times, counts of chosen rows, drafts. */
const drawn = () => {
  $$("time[datetime]").forEach(t => { t.title ||= new Date(t.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" }); });
  const shown = $("[data-shown]"); if (shown) shown.textContent = $$(".tbl tbody tr:not(.more)").length.toLocaleString("en");
  $$("tr.more").forEach(row => near.observe(row));
  count(); drafts();
};

/* More rows: when the last one comes near, or by its link. */
const near = new IntersectionObserver(seen => seen.filter(s => s.isIntersecting).forEach(s => more(s.target)), { rootMargin: "600px" });
const more = async row => {
  if (row.dataset.asked) return;
  row.dataset.asked = "yes"; near.unobserve(row);
  const page = new DOMParser().parseFromString(await (await fetch(row.dataset.more)).text(), "text/html");
  row.replaceWith(...$$(".tbl tbody tr", page)); extended = true; drawn();
};
let extended = false;                                        /* a list with more rows than its first page is not replaced by it */

/* Live: one stream a tab; the page is read again when something of its kinds changed, and morphed, so that focus, scroll, choice and typed text stay. */
const kinds = new Set((document.body.dataset.kinds || "").split(" ").filter(Boolean));
let stream = null, asked = false, due = false;
const busy = () => $("[popover]:popover-open, dialog[open]") || $$("[data-was]").some(f => f.value !== f.dataset.was) || extended;
const refresh = async () => {
  if (asked || document.hidden) { due = true; return; }
  asked = true; due = false;
  try { if (!busy()) { await htmx.ajax("GET", location.href, { target: "#main", select: "#main", swap: "outerMorph" }); drawn(); } } finally { asked = false; }
  if (due) setTimeout(refresh, 1000);
};
const follow = on => {
  stream?.close(); stream = null;
  if (!on || !kinds.size) return;
  stream = new EventSource("/studio/live");
  stream.addEventListener("changed", event => { if (event.data.split(" ").some(k => kinds.has(k))) refresh(); });
  stream.addEventListener("error", () => document.body.classList.add("away"));
  stream.addEventListener("open", () => { if (document.body.classList.contains("away")) { document.body.classList.remove("away"); refresh(); } });
};
document.addEventListener("visibilitychange", () => { follow(!document.hidden); if (!document.hidden && kinds.size) refresh(); });
follow(!document.hidden);
drawn();

/* Palette: hits while one types. */
let typed = 0;
document.addEventListener("input", event => {
  if (event.target.dataset.hits === undefined) return;
  const mine = ++typed;
  setTimeout(async () => {
    if (mine !== typed || !event.target.value) return;
    const page = new DOMParser().parseFromString(await (await fetch("/studio/search?q=" + encodeURIComponent(event.target.value))).text(), "text/html");
    if (mine === typed) $("#hits").replaceChildren(...($("#hits-found", page)?.childNodes || []));
  }, 150);
});

/* Log: only warnings or errors. */
document.addEventListener("click", event => {
  const level = event.target.closest("[data-level]");
  if (!level) return;
  $$("[data-level]", level.parentElement).forEach(b => b.setAttribute("aria-pressed", b === level));
  $$(".log li").forEach(li => { li.hidden = level.dataset.level && !li.classList.contains(level.dataset.level); });
});
