/* Studio's own script: what links and forms cannot do. No inline handlers, no eval. Delegated listeners, so that it survives morphs. */
const $ = (q, from = document) => from.querySelector(q), $$ = (q, from = document) => [...from.querySelectorAll(q)];

/* Colour: the switch writes a cookie, so that the server draws the next page right at once. */
const theme = value => {
  value === "system" ? delete document.documentElement.dataset.theme : document.documentElement.dataset.theme = value;
  document.cookie = `theme=${value};path=/;max-age=31536000;samesite=lax`;
  $$(".theme button").forEach(b => b.setAttribute("aria-pressed", b.value === value));
  dispatchEvent(new Event("studio:theme"));            /* charts ask for their colours again */
};
const chosen = (document.cookie.match(/theme=(\w+)/) || [, "system"])[1];
if (chosen !== (document.documentElement.dataset.theme || "system")) theme(chosen);    /* the server has usually drawn it: restyling costs a layout */

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
  const n = $$(".tbl tbody .box > :checked").length + $$("#chosen > [name=pick]").length, bar = $(".picked");
  if (!bar) return;
  bar.hidden = n === 0;
  $("b", bar).textContent = n;
  $$("[data-least]", bar).forEach(b => b.disabled = n < b.dataset.least);
};
const unpick = () => $$("#chosen > [name=pick]").forEach(field => field.remove());
let last = null;
document.addEventListener("click", event => {
  const box = event.target.closest(".tbl .box > input");
  if (!box) return;
  const all = $$(".tbl tbody .box > input");
  if (box.dataset.all !== undefined) { all.forEach(b => b.checked = box.checked); if (!box.checked) unpick(); }
  else if (event.shiftKey && last) { const [a, b] = [all.indexOf(last), all.indexOf(box)].sort((p, q) => p - q); all.slice(a, b + 1).forEach(c => c.checked = box.checked); }
  last = box;
  count();
});

/* Keys: / finds, ? lists, g and a letter goes, j k move, x chooses, Enter opens, Escape leaves. */
let g = 0;
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]") || $("dialog[open]")) return;
  const rows = $$(".tbl[data-keys] tbody > tr"), at = rows.indexOf(document.activeElement.closest?.("tr"));
  const go = async i => {
    let row = rows[Math.max(0, Math.min(rows.length - 1, i))];
    if (row?.matches(".more > tr")) row = at < 0 ? $(".tbl[data-keys] tbody:not(.more) > tr") : (await fill(row.parentElement, i > at ? 0 : Infinity))?.rows[i > at ? 0 : HUNDRED - 1];
    row?.focus(); row?.scrollIntoView({ block: "nearest" });
  };
  if (Date.now() - g < 900) { const to = $(`[data-go="${event.key}"]`); g = 0; if (to) { event.preventDefault(); to.click(); } return; }
  if (event.key !== "/" && event.key !== "?" && localStorage.getItem("single-keys") === "off") return;   /* WCAG 2.1.4 */
  const press = q => { const it = $(q); if (it && !it.disabled) it.click(); };
  const act = {
    c: () => press("[data-key=c]"), v: () => press(".picked:not([hidden]) [data-key=v]"), e: () => press(".picked:not([hidden]) [data-key=e]"), z: () => press("[data-key=z]"),
    "/": () => $("#palette").showModal(), "?": () => $("#keys").showModal(), g: () => { g = Date.now(); },
    j: () => go(at + 1), k: () => go(at - 1), x: () => { $(".box > input", rows[at])?.click(); }, Enter: () => $("a", rows[at])?.click(),
    Escape: () => { $$(".tbl .box > :checked").forEach(b => b.checked = false); unpick(); count(); },
  }[event.key];
  if (act && !(event.key === "Escape" && $("[popover]:popover-open")) && (!["x", "Enter"].includes(event.key) || at >= 0 && document.activeElement === rows[at])) { event.preventDefault(); act(); }
});

/* Log: a click on a line's number makes the line the address; search marks; levels choose. */
document.addEventListener("click", event => { const no = event.target.closest(".log .no"); if (no) location.hash = no.parentElement.id; });
const sought = () => ({ text: ($(".log-bar input[type=search]")?.value || "").toLowerCase(), level: $(".log-bar [data-level][aria-pressed=true]")?.dataset.level });
const sift = (li, { text, level }) => {
  const t = li.lastElementChild, s = t.textContent, i = text ? s.toLowerCase().indexOf(text) : -1;
  if (t.firstElementChild) t.textContent = s;
  li.hidden = !!(level && !li.classList.contains(level) || text && i < 0);
  if (i >= 0 && !li.hidden) { const r = new Range(), m = document.createElement("mark"); r.setStart(t.firstChild, i); r.setEnd(t.firstChild, i + text.length); r.surroundContents(m); }
};
const isAtEnd = list => list.scrollHeight - list.scrollTop - list.clientHeight < 40;
const toEnd = list => { list.scrollTop = list.scrollHeight; requestAnimationFrame(() => { list.scrollTop = list.scrollHeight; }); };   /* lines are measured when they are seen */
const sieve = () => { const by = sought(), list = $(".log"), follows = isAtEnd(list); $$("li", list).forEach(li => sift(li, by)); if (follows) toEnd(list); };
document.addEventListener("input", event => { if (event.target.matches(".log-bar input[type=search]")) sieve(); });
document.addEventListener("click", event => {
  const level = event.target.closest("[data-level]");
  if (!level) return;
  $$("[data-level]", level.parentElement).forEach(b => b.setAttribute("aria-pressed", b === level));
  sieve();
});

/* A log that grows: new lines are added by a position, at most LINES are kept; it stays at its end unless one has scrolled up. */
const LINES = 5000;
const lineOf = line => {
  const li = document.createElement("li"), no = document.createElement("span"), at = document.createElement("time"), text = document.createElement("span");
  li.id = "L" + line.number; li.className = line.look; no.className = "no"; no.textContent = line.number; at.textContent = line.at.slice(11, 19); text.textContent = line.text;
  li.append(no, at, text);
  return li;
};
const grow = async () => {
  const list = $("#lines");
  if (!list?.dataset.more) return;
  let wait = 1000;
  if (!document.hidden) try {
    const { log } = await (await fetch(`${list.dataset.more}&after=${encodeURIComponent(list.dataset.after)}`)).json();
    if (log.lines.length) {
      const follows = isAtEnd(list), by = sought(), last = list.lastElementChild;
      if (last && +last.id.slice(1) + 1 !== log.lines[0].number) list.replaceChildren();           /* it fell behind: the last lines follow */
      const added = log.lines.slice(-LINES).map(lineOf);
      if (by.text || by.level) added.forEach(li => sift(li, by));
      list.append(...added);
      for (let over = list.childElementCount - LINES; over > 0; over--) list.firstElementChild.remove();
      if (follows) toEnd(list);
      for (const [name, count] of [["warn", log.warnings], ["error", log.errors]]) { const at = $(`[data-${name}]`); at.textContent = +at.textContent + count; }
    }
    list.dataset.after = log.after;
    if (!log.live && !log.lines.length) { delete list.dataset.more; return; }
    if (log.lines.length >= LINES) wait = 100;
  } catch { wait = 5000; }
  setTimeout(grow, wait);
};
if ($("#lines")) { if (!location.hash && !$("#lines .here")) toEnd($("#lines")); $("#lines .here")?.scrollIntoView({ block: "center" }); setTimeout(grow, 1000); }

/* A name cut in its middle shows itself whole, and a time its date and zone, when one points at it: a hundred at once delay the first paint. */
document.addEventListener("mouseover", event => {
  const mid = event.target.closest(".mid"), time = event.target.closest("time[datetime]");
  if (mid) mid.title ||= mid.textContent;
  if (time) time.title ||= new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
});

$$(".log").forEach(log => { log.scrollTop = log.scrollHeight; });   /* a log opens at its end and follows until one scrolls up */

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

/* Parallel coordinates: a drag along an axis keeps its range, a click frees it; the ranges are in the address. */
let brush = null;
const end = (axis, y) => {                                    /* open at the axis's ends */
  const box = axis.getBoundingClientRect(), at = 1 - (y - box.top) / box.height, { low, high, log } = axis.dataset;
  if (at < .01 || at > .99) return "";
  const value = +low + at * (high - low);
  return +(log ? 10 ** value : value).toPrecision(5);
};
document.addEventListener("pointerdown", event => {
  const axis = event.target.closest(".grip");
  if (axis) { event.preventDefault(); axis.setPointerCapture(event.pointerId); brush = { axis, y: event.clientY, mark: axis.cloneNode() }; brush.mark.setAttribute("class", "brush"); axis.before(brush.mark); }
});
document.addEventListener("pointermove", event => {
  if (!brush) return;
  const { axis, y, mark } = brush, box = axis.getBoundingClientRect(), [a, b] = [y, event.clientY].map(v => Math.max(box.top, Math.min(box.bottom, v))).sort((p, q) => p - q);
  mark.setAttribute("y", +axis.getAttribute("y") + a - box.top); mark.setAttribute("height", b - a);
});
document.addEventListener("pointerup", event => {
  if (!brush) return;
  const { axis, y } = brush, name = axis.dataset.axis, to = new URL(location), [top, bottom] = [y, event.clientY].sort((p, q) => p - q);
  const kept = to.searchParams.getAll("in").filter(range => !range.startsWith(name + "~"));
  if (bottom - top > 3) kept.push(`${name}~${end(axis, bottom)}~${end(axis, top)}`);
  to.searchParams.delete("in"); kept.forEach(range => to.searchParams.append("in", range));
  if (to.searchParams.get("axis") === name) ["axis", "from", "to"].forEach(field => to.searchParams.delete(field));
  brush = null; location.assign(to);
});

/* A user's chart: a frame without an origin gets its specification, draws it and says how tall it is. Until then, and where it fails, the picture stays. */
const isDark = () => { const t = document.documentElement.dataset.theme; return t ? t === "dark" : matchMedia("(prefers-color-scheme: dark)").matches; };
const give = frame => frame.contentWindow?.postMessage({ spec: frame.dataset.chart, dark: isDark() }, "*");
addEventListener("message", event => {
  const frame = $$("iframe[data-chart]").find(f => f.contentWindow === event.source);
  if (!frame || !event.data) return;
  if (event.data.ready) give(frame);
  if (event.data.height > 0) { frame.style.blockSize = `${Math.min(event.data.height, 2000)}px`; frame.classList.remove("vh"); }
  if (event.data.height > 0 || event.data.failed) frame.previousElementSibling.hidden = !event.data.failed;
});
addEventListener("studio:theme", () => $$("iframe[data-chart]").forEach(give));

const drawn = () => { $$("iframe[data-chart]").forEach(give); gaps(); look(); count(); drafts(); };      /* what a morph or more rows bring */

/* A long list is one: rows that are not loaded are a gap of their height, so that the scroll bar goes over all. A gap near the screen gets a hundred rows:
   at its start by the token of the page before it, elsewhere by a row's number. A hundred far away become a gap again; what is chosen in them stays
   chosen, as hidden fields of the form. The page's own rows always stay, for new rows come there. */
let extended = false, looks = 0, rowHeight = 0;                             /* a list with more rows than its first page is not replaced by it */
const HUNDRED = 100, rowsOf = async url => $$(".tbl tbody", new DOMParser().parseFromString(await (await fetch(url)).text(), "text/html"));
const sized = gap => { const row = gap.rows[0]; row.className = "gap"; row.cells[0].replaceChildren(); row.style.blockSize = `${Math.min(3e7, gap.dataset.rows * rowHeight)}px`; return gap; };
const gapOf = (first, rows, more) => {
  const gap = Object.assign(document.createElement("tbody"), { className: "more" }); gap.insertRow().insertCell().colSpan = 99;
  Object.assign(gap.dataset, first && { first }, more && { more }, { rows });
  return sized(gap);
};
const gaps = () => {                                          /* those of the server: with the height of their rows, where they are counted */
  const body = $(".tbl tbody:not(.more)");
  if (body) { rowHeight ||= body.offsetHeight / body.rows.length; $$("tbody.more[data-rows]:not(:has(> .gap))").forEach(sized); }      /* measured once: a measurement makes a morphed list jump */
};
const fill = async (gap, from = 0) => {                       /* returns the rows that came, from row `from` of the gap, or its last hundred */
  const { first, rows, more, asked } = gap.dataset, at = first ? Math.max(0, Math.min(from, rows - HUNDRED)) || 0 : 0;
  if (asked) return null; else extended = gap.dataset.asked = true;
  try {
    const found = await rowsOf(at || !more ? $(".tbl[data-start]").dataset.start + (+first + at) : more), next = found.pop(), body = next?.matches(".more") ? found.pop() : next;
    const kept = new Map($$("#chosen > [name=pick]").map(f => [f.value, f]));
    for (const row of [...body?.rows || []]) { const box = $(".box > input", row), field = box && kept.get(box.value); if (document.getElementById(row.id)) row.remove(); else if (field) { box.checked = true; field.remove(); } }
    const count = Math.min(body?.rows.length || 0, rows - at || Infinity), left = rows - at - count;
    while (body?.rows.length > count) body.lastElementChild.remove();
    if (count) Object.assign(body.dataset, { rows: count, more: at || !more ? "" : more }, first && { first: +first + at });
    gap.replaceWith(...[at && gapOf(first, at, more), count && body, rows ? count && left > 0 && gapOf(+first + at + count, left, next?.dataset.more) : next?.matches(".more") && next].filter(Boolean));
    drawn(); return body;
  } catch { setTimeout(() => { delete gap.dataset.asked; look(); }, 5000); return null; }
};
const empty = body => {
  for (const box of $$(".box > input:checked", body)) { const kept = document.createElement("input"); kept.type = "hidden"; kept.name = box.name; kept.value = box.value; $("#chosen").append(kept); }
  body.replaceWith(gapOf(body.dataset.first, body.dataset.rows, body.dataset.more));
};
const look = () => {
  const table = $(".page > .scroll > .tbl"), shown = $("[data-shown]"); if (!table) return;
  const box = table.parentElement.getBoundingClientRect(), bar = $(".side").getBoundingClientRect(), foot = $(".foot").getBoundingClientRect(), top = Math.max(box.top, bar.width > innerWidth / 2 ? bar.bottom : 0), bottom = Math.min(box.bottom, foot.top, innerHeight), head = top + table.tHead.offsetHeight + 2, seen = [];
  for (const body of table.tBodies) {
    const { top: a, bottom: b, height } = body.getBoundingClientRect(), away = Math.max(a - bottom, top - b), { first, rows } = body.dataset, last = (rows || body.rows.length) - 1;
    const at = y => Math.max(0, Math.min(last, Math.floor((y - a) / height * (last + 1))));
    if (first && b > head && a < bottom) seen.push(+first + at(head), +first + at(bottom));
    if (body.matches(".more")) { if (away < 1200) fill(body, b < top ? Infinity : a > top - 1200 ? 0 : at(top) - 20); }
    else if (rows && away > 3000 && !body.contains(document.activeElement)) empty(body);
  }
  const all = [...table.tBodies].reduce((n, b) => n + (+b.dataset.rows || !b.matches(".more") && b.rows.length), 0);
  const words = (shown?.dataset.shown && seen.length ? [seen[0], seen.at(-1)] : [all]).map(n => String(n).replace(/\B(?=(\d{3})+$)/g, ",")).join(" to ");      /* Intl takes 10 ms to load */
  if (shown && shown.textContent !== words) shown.textContent = words;
};
for (const what of ["scroll", "focusout"]) addEventListener(what, () => { looks ||= setTimeout(() => { looks = 0; look(); }, 100); }, { capture: true, passive: true });
if ($(".tbl[data-start] > .more[data-first='1']")) { gaps(); $(".tbl tbody:not(.more)").scrollIntoView(); }      /* it begins at a row's number */

/* Live: one stream a tab; the page is read again when something of its kinds changed, and morphed, so that focus, scroll, choice and typed text stay. */
const kinds = new Set((document.body.dataset.kinds || "").split(" ").filter(Boolean));
let stream = null, asked = false, due = false, morpher = null;
const morphing = () => morpher ||= new Promise((loaded, failed) => {      /* the library is loaded by the first refresh, not before the first paint */
  const script = document.createElement("script");
  script.src = document.body.dataset.morph; script.onload = loaded; script.onerror = () => { morpher = null; script.remove(); failed(new Error("offline")); };
  document.head.append(script);
});
const busy = () => $("[popover]:popover-open, dialog[open]") || $$("[data-was]").some(f => f.value !== f.dataset.was) || extended;
const refresh = async () => {
  if (asked || document.hidden) { due = true; return; }
  asked = true; due = false;
  try { if (!busy()) { await morphing(); await htmx.ajax("GET", location.href, { target: "#main", select: "#main", swap: "outerMorph" }); drawn(); } } finally { asked = false; }
  if (due) setTimeout(refresh, 1000);
};
document.addEventListener("htmx:after:swap", gaps); document.addEventListener("htmx:before:swap", event => { if (extended || looks) { event.preventDefault(); due = true; } });      /* it has scrolled meanwhile */
const follow = on => {
  stream?.close(); stream = null;
  if (!on || !kinds.size) return;
  stream = new EventSource("/studio/live");
  stream.addEventListener("changed", event => { if (event.data.split(" ").some(k => kinds.has(k))) refresh(); });
  stream.addEventListener("error", () => document.body.classList.add("away"));
  stream.addEventListener("open", () => { if (document.body.classList.contains("away")) { document.body.classList.remove("away"); refresh(); } });
};
setInterval(() => { if ($("[data-live]")) refresh(); }, 3000);         /* what runs: its curves and durations */
document.addEventListener("visibilitychange", () => { follow(!document.hidden); if (!document.hidden && kinds.size) refresh(); });
requestAnimationFrame(() => setTimeout(() => { drawn(); follow(!document.hidden); }));      /* after the first paint: a list is laid out once before it */

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

/* A step that isn't kept yet: each change is previewed, the address follows; Ctrl+Enter keeps it, Escape discards. */
document.addEventListener("change", async event => {
  const form = event.target.closest("form[data-preview]");
  if (!form) return;
  const query = new URLSearchParams(new FormData(form));
  query.delete("tag");
  history.replaceState(null, "", `${form.getAttribute("action")}?${query}`);
  await morphing();
  await htmx.ajax("GET", location.href, { target: "#main", select: "#main", swap: "outerMorph" });
});
document.addEventListener("keydown", event => {
  const form = $("form[data-preview]");
  if (!form || $("dialog[open]") || $("[popover]:popover-open")) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); form.requestSubmit($("[data-keep]", form)); }
  if (event.key === "Escape") $("[data-discard-step]", form).click();
});
