// The page to label. Text of people and documents becomes text nodes only, never markup.
// The server counts characters as code points, the browser as UTF-16 units: `points` below turns one into the other.
"use strict";

const $ = (id) => document.getElementById(id);
const client = (sessionStorage.client ||= crypto.getRandomValues(new Uint32Array(4)).join("-"));
let token = document.querySelector('meta[name="label-token"]').content;
let work = null; // the passage that is open, with its questions
let current = null; // the id of the question that is open; "new" for one that is being written
let mark = null; // {start, end} in code points; {} says "unanswerable"; null: nothing is marked yet
let editing = null; // the text of the question while it is edited
let seen = 0; // the revision of the question when it was opened
let busy = false;
let back = []; // passages that were open before
let points = null;

// The server

async function call(method, path, body) {
  for (;;) {
    let reply;
    try {
      reply = await fetch(path, {
        method,
        headers: { "x-label-token": token, ...(body && { "content-type": "application/json" }) },
        body: body && JSON.stringify(body),
      });
    } catch {
      if (method === "GET") throw new Error("The server cannot be reached.");
      showTrouble("The server cannot be reached, so your last decision is not kept yet. It is sent again until it is; leave this page open.");
      await pause(1000);
      continue;
    }
    if (reply.status === 401 && (await renewToken())) continue;
    showTrouble("");
    const value = await reply.json().catch(() => ({ detail: `The server said ${reply.status}.` }));
    if (!reply.ok) throw new Error(value.detail);
    return value;
  }
}

// The server was started again and has a new token, which stands in its page.
async function renewToken() {
  const text = await (await fetch("/")).text();
  const fresh = new DOMParser().parseFromString(text, "text/html").querySelector('meta[name="label-token"]')?.content;
  if (!fresh || fresh === token) return false;
  token = fresh;
  return true;
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const action = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
const who = () => ({ client, person: $("person").value });

function showTrouble(text) {
  $("trouble").textContent = text;
  $("trouble").hidden = !text;
}

function say(text, bad = false) {
  $("said").textContent = text;
  $("said").classList.toggle("bad", bad);
}

// One thing at a time, and errors in words.
async function doing(step) {
  if (busy) return;
  busy = true;
  try {
    await step();
  } catch (error) {
    say(error.message, true);
  } finally {
    busy = false;
  }
}

// Characters

function pointsOf(text) {
  const units = [0];
  for (const character of text) units.push(units.at(-1) + character.length);
  const ofUnit = new Map(units.map((unit, point) => [unit, point]));
  return {
    length: units.length - 1,
    slice: (start, end) => text.slice(units[start], units[end]),
    fromUnit: (unit) => ofUnit.get(unit) ?? ofUnit.get(unit + 1) ?? units.length - 1,
  };
}

const isBlank = (text) => !text.trim();

function trimmed(start, end) {
  while (start < end && isBlank(points.slice(start, start + 1))) start++;
  while (start < end && isBlank(points.slice(end - 1, end))) end--;
  return start < end ? { start, end } : null;
}

// The smallest stretch of whole words around it; what is no word stays as it is.
function snapped(start, end) {
  for (const [from, to] of work.passage.words) {
    if (from < start && start < to) start = from;
    if (from < end && end < to) end = to;
    if (from >= end) break;
  }
  return trimmed(start, end);
}

const wordAt = (place) => work.passage.words.find(([from, to]) => from <= place && place < to);

// The passage

function h(tag, properties, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name in node && name !== "list") node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function renderPassage() {
  const passage = work.passage;
  $("place").textContent = passage ? passage.document : "Nothing is left to decide";
  const parts = [];
  if (passage?.page) parts.push(`page ${passage.page}`);
  if (passage?.headings.length) parts.push(passage.headings.join(" › "));
  if (passage?.number) parts.push(`passage ${passage.number} of ${passage.of}`);
  $("place-detail").textContent = parts.join(" · ");
  const notes = [];
  if (passage?.gone) notes.push("This passage is no longer in the documents. Its labels stay in the file.");
  if (work.other) notes.push(`${work.other} is at this passage too. What you both decide is kept.`);
  $("place-note").textContent = notes.join(" ");
  $("place-note").hidden = !notes.length;
  $("lead").textContent = passage?.lead ?? "";
  $("lead").hidden = !passage?.lead;
  for (const button of document.querySelectorAll("[data-move], #open-find, #new")) button.disabled = !passage;
  renderMark();
}

function renderMark(scroll = false) {
  const text = $("text");
  if (!work.passage) return text.replaceChildren();
  if (mark?.end === undefined) return text.replaceChildren(points.slice(0, points.length));
  const marked = h("mark", {}, points.slice(mark.start, mark.end));
  text.replaceChildren(points.slice(0, mark.start), marked, points.slice(mark.end, points.length));
  if (!scroll) return;
  const box = text.getBoundingClientRect(), place = marked.getBoundingClientRect();
  if (place.top < box.top || place.bottom > box.bottom) text.scrollTop += place.top - box.top - box.height / 3;
}

function setMark(next, scroll = true) {
  mark = next;
  renderMark(scroll);
  renderAnswer();
}

// From a place in the document tree to characters of the passage.
function placeOf(node, offset) {
  const before = document.createRange();
  before.selectNodeContents($("text"));
  before.setEnd(node, offset);
  return points.fromUnit(before.toString().length);
}

function markSelection(event, keep = false) {
  const selection = getSelection();
  if (!work?.passage || !current || !selection.rangeCount) return;
  const range = selection.getRangeAt(0), text = $("text");
  if (!text.contains(range.startContainer) || !text.contains(range.endContainer)) return;
  const start = placeOf(range.startContainer, range.startOffset), end = placeOf(range.endContainer, range.endOffset);
  let next = null;
  if (start < end) next = event.altKey ? trimmed(start, end) : snapped(start, end);
  else if (text.contains(event.target)) {
    const word = wordAt(start) ?? wordAt(start - 1);
    if (!word) return;
    const whole = event.shiftKey && mark?.end !== undefined;
    next = whole ? { start: Math.min(mark.start, word[0]), end: Math.max(mark.end, word[1]) } : { start: word[0], end: word[1] };
  }
  if (!next) return;
  if (!keep) selection.removeAllRanges();
  setMark(next, false);
}

function move(which, by, letters = false) {
  if (!work?.passage || !current) return;
  const words = work.passage.words;
  if (mark?.end === undefined) {
    const first = by > 0 ? words[0] : words.at(-1);
    return first && setMark({ start: first[0], end: first[1] });
  }
  let { start, end } = mark;
  if (which === "mark") {
    const word = by > 0 ? words.find(([from]) => from > start) : words.findLast(([from]) => from < start);
    if (word) [start, end] = word;
  } else if (letters) {
    if (which === "start") start = Math.min(Math.max(start + by, 0), end - 1);
    else end = Math.max(Math.min(end + by, points.length), start + 1);
  } else if (which === "end") {
    const word = by > 0 ? words.find(([, to]) => to > end) : words.findLast(([, to]) => to < end && to > start);
    if (word) end = word[1];
  } else {
    const word = by < 0 ? words.findLast(([from]) => from < start) : words.find(([from]) => from > start && from < end);
    if (word) start = word[0];
  }
  setMark({ start, end });
}

// The questions

const itemOf = (id) => work?.items?.find((item) => item.id === id);
const percent = (share) => (share < 0.01 ? "under 1%" : `${Math.round(share * 100)}%`);
const answerOf = (span) => (span.start === null ? "not answered here" : points.slice(span.start, span.end));
const byWords = (one) => (one.by === "rules" ? "by the rules" : `by the model${one.confidence === null ? "" : `, ${percent(one.confidence)}`}`);

function verdictWords(said) {
  if (said.verdict === "rejected") return "rejected";
  return said.start === null ? "unanswerable" : { accepted: "accepted", corrected: "corrected", own: "own question" }[said.verdict];
}

function pick(id, { focus = false } = {}) {
  current = id;
  editing = null;
  const item = itemOf(id);
  seen = item?.revision ?? 0;
  mark = id === "new" ? null : markOf(item?.decision ?? item?.proposals[0]);
  if (id === "new") editing = "";
  renderQuestions();
  renderMark(true);
  if (focus) document.querySelector(".card.now")?.scrollIntoView({ block: "nearest" });
  if (id === "new") document.querySelector(".now textarea")?.focus();
}

const markOf = (span) => (!span ? null : span.start === null ? {} : { start: span.start, end: span.end });

function renderQuestions() {
  const box = $("questions"), items = work.items;
  const inside = box.contains(document.activeElement);
  if (!work.passage) {
    const others = work.busy?.length ? `${work.busy.join(" and ")} ${work.busy.length > 1 ? "are" : "is"} at what is left.` : "Every suggested question is decided.";
    return box.replaceChildren(h("p", { className: "card empty" }, `${others} Go to a passage (g) to add questions of your own, or to a label to change it.`));
  }
  const cards = (items ?? []).map((item) => (item.id === current ? openCard(item) : closedCard(item)));
  if (current === "new") cards.push(openCard({ id: "new", question: "", proposals: [], decision: null, rivals: [] }));
  if (items === null) cards.push(h("p", { className: "card empty" }, "Questions are being made. You may write one of your own (n)."));
  else if (!cards.length) cards.push(h("p", { className: "card empty" }, "No question is suggested here. Write one of your own (n), or go on (J)."));
  box.replaceChildren(...cards);
  if (inside && document.activeElement === document.body) $("text").focus({ preventScroll: true });
}

function closedCard(item) {
  let badge = ["badge", "to decide"];
  if (item.rivals.length) badge = ["badge dispute", "disputed"];
  else if (item.decision) badge = [item.decision.verdict === "rejected" ? "badge reject" : "badge label", verdictWords(item.decision)];
  return h("div", { className: "card" },
    h("button", { type: "button", className: "pick", onclick: () => pick(item.id) },
      h("span", { className: "question", dir: "auto" }, item.question), h("span", { className: badge[0] }, badge[1])));
}

function openCard(item) {
  const proposals = item.proposals.map((one, place) => h("li", {},
    h("button", { type: "button", "data-proposal": place, onclick: () => setMark(markOf(one)) },
      h("kbd", {}, String(place + 1)), h("span", { className: "words", dir: "auto" }, answerOf(one)), h("span", { className: "by" }, byWords(one)))));
  const card = h("div", { className: "card now", role: "group", "aria-label": "Question to decide" },
    editing === null
      ? h("div", { className: "row" }, h("h3", { dir: "auto" }, item.question), h("button", { type: "button", id: "edit", onclick: edit }, h("kbd", {}, "e"), " Edit"))
      : h("textarea", { rows: 2, maxLength: 1000, value: editing, dir: "auto", "aria-label": "Question", oninput: (event) => (editing = event.target.value), placeholder: "Type the question, then Enter" }),
    h("div", { className: "answer", id: "answer" }),
    proposals.length > 1 && h("ol", { className: "proposals", "aria-label": "Suggested answers" }, ...proposals),
    item.rivals.length > 0 && disputeBox(item),
    h("div", { className: "actions" },
      h("button", { type: "button", className: "main", id: "accept", onclick: accept }, h("kbd", {}, "a"), ` ${item.id === "new" ? "Keep" : "Accept"}`),
      h("button", { type: "button", id: "unanswerable", onclick: unanswerable }, h("kbd", {}, "u"), " Unanswerable here"),
      item.id !== "new" && h("button", { type: "button", id: "reject", onclick: reject }, h("kbd", {}, "r"), " Reject question")),
    item.decision && h("p", { className: "state" }, `${item.decision.person || "Anonymous"}: ${verdictWords(item.decision)}, ${new Date(item.decision.time).toLocaleString()}. Decide again to change it.`));
  queueMicrotask(renderAnswer);
  return card;
}

function disputeBox(item) {
  const said = [item.decision, ...item.rivals].filter(Boolean);
  const words = (one) => `${one.person || "Anonymous"}: ${one.verdict === "rejected" ? "rejected" : answerOf(one)}`;
  return h("div", { className: "dispute-box", role: "alert" },
    "People have decided this differently; the first of these stands in the file. Choose one, or mark another, then accept or reject:",
    h("div", {}, ...said.map((one) => h("button", { type: "button", dir: "auto", onclick: () => setMark(markOf(one)) }, words(one)))));
}

function renderAnswer() {
  const box = $("answer");
  if (!box) return;
  const proposals = itemOf(current)?.proposals ?? [];
  const same = proposals.findIndex((one) => mark && (one.start ?? undefined) === mark.start && (one.end ?? undefined) === mark.end);
  for (const button of document.querySelectorAll("[data-proposal]")) button.setAttribute("aria-pressed", String(Number(button.dataset.proposal) === same));
  let words = h("span", { className: "nothing" }, "no answer is marked yet");
  if (mark?.end !== undefined) words = h("mark", { className: "words", dir: "auto" }, points.slice(mark.start, mark.end));
  else if (mark) words = h("span", { className: "nothing" }, "not answered here");
  const sure = same >= 0 ? `suggested ${byWords(proposals[same])}` : mark && proposals.length ? "your mark" : "";
  box.replaceChildren(words, h("span", { className: "sure" }, sure));
}

function edit() {
  if (!itemOf(current)) return;
  editing = itemOf(current).question;
  renderQuestions();
  document.querySelector(".now textarea").focus();
}

function endEdit(keep) {
  if (current === "new" && !keep) return leaveNew();
  const text = editing?.trim();
  if (!keep || !text) {
    if (current === "new") return say("There is no question yet. Type one first.", true);
    editing = null;
    renderQuestions();
  }
  $("text").focus({ preventScroll: true });
  if (keep && text && !mark) say("Mark the answer, then press a; or press u where the passage does not answer it.");
}

function leaveNew() {
  const first = work.items?.find((item) => item.open) ?? work.items?.[0];
  pick(first?.id ?? null);
  $("text").focus({ preventScroll: true });
}

// Decisions

const accept = () => doing(() => {
  if (!current) return;
  if (!mark) throw new Error("Nothing is marked yet. Mark the answer, or press u where the passage does not answer the question.");
  return decide({ start: mark.start ?? null, end: mark.end ?? null });
});
const unanswerable = () => doing(() => current && decide({ start: null, end: null }));
const reject = () => doing(() => current && current !== "new" && decide({ start: null, end: null, reject: true, question: itemOf(current).question }));

async function decide(answer) {
  const item = current === "new" ? null : current;
  const question = (editing ?? itemOf(current)?.question ?? "").trim();
  if (!question) throw new Error("There is no question yet. Type one first.");
  const { question: asked, by, proposals } = itemOf(item) ?? {};
  const shown = by ? { question: asked, by, proposals } : null; // for a server that was started again since
  const said = { ...who(), action: action(), passage: work.passage.id, item, seen, question, shown, ...answer };
  sessionStorage.unsent = JSON.stringify(said);
  let kept;
  try {
    kept = await call("POST", "/api/decide", said);
  } finally {
    delete sessionStorage.unsent;
  }
  replaceItem(kept.item);
  refreshProgress();
  if (!kept.holds) {
    say(`${kept.item.decision?.person || "Somebody"} decided this differently at the same time. Both are kept; look, and decide again.`, true);
    return pick(kept.item.id);
  }
  const made = kept.item.decision;
  const told = `${made.verdict === "rejected" ? "Rejected" : "Kept"}: ${made.question}`;
  const items = work.items, place = items.findIndex((one) => one.id === kept.item.id);
  const next = [...items.slice(place + 1), ...items.slice(0, place)].find((one) => one.open);
  if (next) pick(next.id, { focus: true });
  else await goOn(false);
  say(told);
}

function replaceItem(item) {
  work.items ??= [];
  const place = work.items.findIndex((one) => one.id === item.id);
  if (place < 0) work.items.push(item);
  else work.items[place] = item;
}

const undo = () => doing(async () => {
  const taken = await call("POST", "/api/undo", { ...who(), action: action() });
  refreshProgress();
  if (!taken.item) return say("There is nothing to undo.");
  if (taken.passage !== work.passage?.id) await openPassage(taken.passage, taken.item.id);
  else {
    if (taken.item.decision || taken.item.by) replaceItem(taken.item);
    else work.items = work.items.filter((one) => one.id !== taken.item.id);
    pick(itemOf(taken.item.id) ? taken.item.id : (work.items[0]?.id ?? null), { focus: true });
  }
  say(`Taken back: ${taken.item.question}`);
});

// Going about

function show(next, item) {
  if (work?.passage && work.passage.id !== next.passage?.id) back.push(work.passage.id);
  work = next;
  current = mark = editing = null;
  closeFind(false);
  points = pointsOf(work.passage?.text ?? "");
  $("text").scrollTop = 0;
  renderPassage();
  const first = itemOf(item) ?? work.items?.find((one) => one.open) ?? work.items?.[0];
  pick(first?.id ?? null);
}

async function goOn(left = true) {
  const leave = left ? work?.passage?.id : undefined;
  show(await call("POST", "/api/next", { ...who(), document: $("document").value || null, order: $("order").value, leave }));
  window.scrollTo({ top: 0 });
}

async function openPassage(passage, item) {
  show(await call("POST", "/api/open", { ...who(), passage }), item);
}

const goBack = () => doing(async () => {
  const passage = back.pop();
  if (!passage) return say("There is no passage before this one.");
  await openPassage(passage);
  back.pop();
});

function step(by) {
  const ids = (work?.items ?? []).map((item) => item.id);
  const place = ids.indexOf(current) + by;
  if (place >= 0 && place < ids.length) return pick(ids[place], { focus: true });
  if (place >= ids.length) doing(() => goOn());
  else goBack();
}

function startNew() {
  if (work?.passage) pick("new", { focus: true });
}

// Marking by typing

let found = [], foundAt = 0, before = null;

function openFind() {
  if (!work?.passage || !current) return;
  before = mark;
  $("find").hidden = false;
  $("find-words").value = "";
  $("find-count").textContent = "";
  $("find-words").focus();
}

function closeFind(keep) {
  if ($("find").hidden) return;
  $("find").hidden = true;
  if (!keep) setMark(before);
  $("text").focus({ preventScroll: true });
}

function findWords() {
  const typed = $("find-words").value.trim();
  const pattern = typed.split(/\s+/).map((word) => word.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&")).join("\\s+");
  found = typed ? [...work.passage.text.matchAll(new RegExp(pattern, "giu"))].map((one) => [one.index, one.index + one[0].length]) : [];
  foundAt = 0;
  showFound(0);
}

function showFound(by) {
  foundAt = found.length ? (foundAt + by + found.length) % found.length : 0;
  $("find-count").textContent = found.length ? `${foundAt + 1} of ${found.length}` : $("find-words").value.trim() ? "not in the passage" : "";
  if (found.length) setMark(snapped(...found[foundAt].map(points.fromUnit)));
  else setMark(before);
}

// Lists

let listed = "labels", listPage = 1;

function openList() {
  $("list-document").value = $("document").value;
  $("list").showModal();
  fillList();
}

async function fillList() {
  const asked = new URLSearchParams({ query: $("list-query").value, document: $("list-document").value, page: listPage });
  if (listed === "labels") asked.set("kind", $("list-kind").value);
  let reply;
  try {
    reply = await call("GET", `/api/${listed}?${asked}`);
  } catch (error) {
    return ($("list-total").textContent = error.message);
  }
  const word = listed === "labels" ? ["decision", "decisions"] : ["passage", "passages"];
  $("list-total").textContent = `${reply.total.toLocaleString()} ${word[Number(reply.total !== 1)]}`;
  $("list-page").textContent = `${reply.page} of ${reply.pages}`;
  $("list-before").disabled = reply.page <= 1;
  $("list-after").disabled = reply.page >= reply.pages;
  listPage = reply.page;
  $("list-rows").replaceChildren(...reply.rows.map((row) => h("li", {},
    h("button", { type: "button", onclick: () => goTo(row.passage ?? row.id, row.item) }, ...(listed === "labels" ? labelWords(row) : passageWords(row))))));
}

function labelWords(row) {
  const answer = row.verdict === "rejected" ? "rejected" : row.answer ?? "unanswerable";
  const about = [row.document, row.verdict, row.person || "anonymous"];
  if (row.disputed) about.push("disputed");
  if (row.gone) about.push("passage is gone");
  return [h("span", { dir: "auto" }, `${row.question} `), h("strong", { dir: "auto" }, answer), h("small", {}, about.join(" · "))];
}

function passageWords(row) {
  const about = [row.document];
  if (row.page) about.push(`page ${row.page}`);
  about.push(`${row.labels} labelled`, `${row.open} to decide`);
  if (row.other) about.push(`${row.other} is there`);
  if (row.gone) about.push("gone");
  return [h("span", { dir: "auto" }, row.beginning), h("small", {}, about.join(" · "))];
}

function goTo(passage, item) {
  $("list").close();
  doing(() => openPassage(passage, item));
}

// How far it is

async function refreshProgress() {
  let all;
  try {
    all = await call("GET", "/api/progress");
  } catch {
    return;
  }
  const { counts, suggestions } = all, decided = counts.labels + counts.rejected;
  $("bar").max = Math.max(1, decided + counts.suggested);
  $("bar").value = decided;
  const parts = [`${counts.labels.toLocaleString()} labelled`, `${counts.unanswerable} unanswerable`, `${counts.rejected} rejected`, `${counts.suggested.toLocaleString()} to decide`];
  if (counts.disputed) parts.push(`${counts.disputed} disputed`);
  $("counts").textContent = parts.join(" · ");
  $("file").textContent = `${all.file} · answers ${all.model ? `by ${all.model}` : "by rules, without a model"}${counts.gone ? ` · ${counts.gone} of passages that are no longer in the documents` : ""}`;
  $("suggesting").textContent = suggestions.fault
    ? `· No more suggestions: ${suggestions.fault}`
    : suggestions.done < suggestions.total ? `· Suggestions: ${suggestions.done} of ${suggestions.total} passages` : "";
  $("order").closest("label").hidden = !all.model;
  for (const select of [$("document"), $("list-document")]) fillDocuments(select, all.documents);
}

function fillDocuments(select, documents) {
  const chosen = select.value, key = JSON.stringify(documents.map((one) => [one.name, one.labels]));
  if (select.dataset.key === key) return;
  select.dataset.key = key;
  select.replaceChildren(h("option", { value: "" }, "all"), ...documents.map((one) => h("option", { value: one.name }, one.labels ? `${one.name} (${one.labels})` : one.name)));
  select.value = chosen;
}

// What others do, and suggestions that come later.
async function look() {
  if (document.hidden || busy) return;
  refreshProgress();
  const open = work?.passage?.id;
  if (!open) return;
  let fresh;
  try {
    fresh = await call("GET", `/api/look?${new URLSearchParams({ passage: open, client })}`);
  } catch {
    return;
  }
  if (busy || !getSelection().isCollapsed || work.passage?.id !== open || JSON.stringify([fresh.items, fresh.other]) === JSON.stringify([work.items, work.other])) return;
  const none = !work.items?.length;
  work.items = fresh.items;
  work.other = fresh.other;
  const unmoved = mark;
  renderPassage();
  if (none && !current && work.items?.length) return pick(work.items[0].id);
  if (editing !== null) return; // the field is being typed into
  const item = itemOf(current);
  if (item && item.revision > seen && item.decision) say(`${item.decision.person || "Somebody"} has decided this question meanwhile.`);
  renderQuestions();
  setMark(unmoved, false);
}

// Keys

const KEYS = {
  a: accept, u: unanswerable, r: reject, e: edit, n: startNew, z: undo, g: openList, "/": openFind,
  j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1),
  J: () => doing(() => goOn()), K: goBack, w: () => move("mark", 1), b: () => move("mark", -1),
  "?": () => $("help").showModal(),
  Escape: () => (current === "new" ? leaveNew() : current && pick(current)),
};

function onKey(event) {
  const target = event.target;
  if (target.id === "find-words") return findKey(event);
  if (target.tagName === "TEXTAREA") return editKey(event);
  if (event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
  if (["INPUT", "SELECT"].includes(target.tagName)) return;
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
    const leftwards = event.key === "ArrowLeft", rtl = getComputedStyle($("text")).direction === "rtl" || isRightToLeft();
    event.preventDefault();
    return move(event.shiftKey ? "start" : "end", leftwards === rtl ? 1 : -1, event.altKey);
  }
  if (event.altKey) return;
  const proposal = /^[1-9]$/.test(event.key) && itemOf(current)?.proposals[Number(event.key) - 1];
  if (!KEYS[event.key] && !proposal) return;
  event.preventDefault();
  if (proposal) setMark(markOf(proposal));
  else KEYS[event.key]();
}

// The first letter decides, as it does for how the text is shown.
function isRightToLeft() {
  const letter = (work?.passage?.text ?? "").match(/\p{L}/u)?.[0] ?? "";
  return /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]|[\u{10800}-\u{10fff}]|[\u{1e800}-\u{1efff}]/u.test(letter);
}

function editKey(event) {
  if (event.isComposing || !["Enter", "Escape"].includes(event.key)) return;
  event.preventDefault();
  endEdit(event.key === "Enter");
}

function findKey(event) {
  const steps = { ArrowDown: () => showFound(1), ArrowUp: () => showFound(-1), Enter: () => closeFind(true), Escape: () => closeFind(false) };
  if (event.isComposing || !steps[event.key]) return;
  event.preventDefault();
  steps[event.key]();
}

// The start

let touch = false, settle = 0;

function listen() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("pointerdown", (event) => (touch = event.pointerType === "touch"));
  document.addEventListener("mouseup", (event) => setTimeout(() => markSelection(event)));
  document.addEventListener("selectionchange", () => {
    clearTimeout(settle);
    if (touch && !getSelection().isCollapsed) settle = setTimeout(() => markSelection({}, true), 500);
  });
  for (const button of document.querySelectorAll("[data-move]")) {
    button.addEventListener("click", () => move(button.dataset.move.slice(0, -1), button.dataset.move.endsWith("+") ? 1 : -1));
  }
  for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close());
  for (const button of document.querySelectorAll("[data-list]")) {
    button.addEventListener("click", () => {
      [listed, listPage] = [button.dataset.list, 1];
      for (const one of document.querySelectorAll("[data-list]")) one.setAttribute("aria-pressed", String(one === button));
      $("list-kind-field").hidden = listed !== "labels";
      fillList();
    });
  }
  const clicks = { new: startNew, undo, earlier: goBack, later: KEYS.J, "open-list": openList, "open-help": KEYS["?"], "open-find": openFind };
  for (const [id, act] of Object.entries(clicks)) $(id).addEventListener("click", act);
  $("list-before").addEventListener("click", () => (listPage--, fillList()));
  $("list-after").addEventListener("click", () => (listPage++, fillList()));
  $("list-filter").addEventListener("input", () => ((listPage = 1), fillList()));
  for (const id of ["list-filter", "find"]) $(id).addEventListener("submit", (event) => event.preventDefault());
  $("find-words").addEventListener("input", findWords);
  for (const id of ["document", "order"]) $(id).addEventListener("change", () => doing(() => goOn(false)).then(() => $("text").focus()));
  $("person").addEventListener("change", () => (localStorage.person = $("person").value));
  $("person").addEventListener("keydown", (event) => event.key === "Enter" && $("text").focus());
  window.addEventListener("pagehide", () => {
    fetch("/api/release", { method: "POST", keepalive: true, headers: { "x-label-token": token, "content-type": "application/json" }, body: JSON.stringify({ client }) }).catch(() => {});
  });
}

async function begin() {
  $("person").value = new URLSearchParams(location.search).get("name") ?? localStorage.person ?? "";
  listen();
  await doing(async () => {
    if (sessionStorage.unsent) {
      await call("POST", "/api/decide", JSON.parse(sessionStorage.unsent)).catch(() => {});
      delete sessionStorage.unsent;
    }
    await refreshProgress();
    await goOn(false);
  });
  if (document.activeElement === document.body) $("text").focus({ preventScroll: true });
  for (;;) {
    await pause(work?.items === null ? 500 : 3000);
    await look();
  }
}

begin();
