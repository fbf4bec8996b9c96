"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { labels, contexts, questions, places } = data; // places: of questions on a folder alone
  const [ID, QUESTION, CONTEXT, GOLD, ANSWERS, COLUMNS, GOLD_TEXTS, DOCUMENTS] = [0, 1, 2, 3, 4, 5, 6, 7]; // of a question
  const [START, END, CONFIDENCE, EXACT, F1, WHERE, RIGHT_AT] = [0, 1, 2, 3, 4, 5, 6]; // of an answer
  const [DOCUMENT, PAGE, HEADINGS] = [0, 1, 2]; // of a place
  const CHUNK = 50; // cards drawn at a time
  const SHORT = 900; // characters; a longer context is shown around its answers
  const AROUND = 260; // characters kept on each side of an answer
  const LONG = 4000; // characters of a span that is shown whole
  const PART = 20000; // characters drawn as one block, which the browser lays out when it comes into view
  const COLOURS = 6;
  const byId = (id) => document.getElementById(id);
  const list = byId("cards");
  const more = byId("more");
  const state = { model: labels.length > 1 ? 1 : 0, against: 0, filter: "all", query: "", order: "data" };
  let shown = []; // places of the questions that fit, in order
  let drawn = 0;

  /* What happened to a question. */
  const contextOf = (q, a) => a[WHERE] ?? q[CONTEXT]; // in a folder, each answer may be from another document
  const text = (q, a) => (a[START] === null ? "" : contexts[contextOf(q, a)].slice(a[START], a[END]));
  const goldText = (q, span) => contexts[q[CONTEXT]].slice(span[START], span[END]);
  const pair = (q) => [q[ANSWERS][state.model], q[ANSWERS][state.against]];
  const gain = (q) => { const [a, b] = pair(q); return a[F1] - b[F1]; };
  const changed = (q) => { const [a, b] = pair(q); return text(q, a) !== text(q, b); };
  const FITS = {
    all: () => true,
    won: (q) => gain(q) > 0,
    lost: (q) => gain(q) < 0,
    changed,
    same: (q) => !changed(q),
  };
  const mistake = (q) => { const a = pair(q)[0]; return a[EXACT] ? -1 : a[CONFIDENCE] * (1 - a[F1]); };
  const ORDERS = {
    gain: (a, b) => gain(questions[b]) - gain(questions[a]),
    loss: (a, b) => gain(questions[a]) - gain(questions[b]),
    sure: (a, b) => mistake(questions[b]) - mistake(questions[a]),
  };

  /* What else the data says of a question, such as "topic: fees". */
  const columns = (q) => Object.entries(q[COLUMNS]).filter(([, v]) => v !== null && v !== "").map(([k, v]) => `${k}: ${v}`);

  /* Searching: lower-case texts are made when first needed and kept. */
  const fold = (value) => value.toLowerCase();
  const lowContexts = [];
  const lowQuestions = [];
  function matches(place, query) {
    const q = questions[place];
    lowQuestions[place] ??= fold([q[ID], q[QUESTION], ...columns(q), ...(q[GOLD_TEXTS] ?? []), ...(q[DOCUMENTS] ?? [])].join("\n"));
    return lowQuestions[place].includes(query) || shownContexts(q).some((context) => {
      lowContexts[context] ??= fold([contexts[context], ...(places ? [places[context][DOCUMENT]] : [])].join("\n"));
      return lowContexts[context].includes(query); // answers are part of it
    });
  }
  /* The texts that a card shows: that of the reference, then those of the two answers that are in others. */
  const shownContexts = (q) => [...new Set([q[CONTEXT], ...pair(q).filter((a) => a[START] !== null).map((a) => contextOf(q, a))])];

  /* Elements. All text goes in as text, never as markup. */
  function element(tag, className, ...children) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    node.append(...children);
    return node;
  }
  function shape(model) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", `key m${model % COLOURS}`);
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `#shape${model % COLOURS}`);
    svg.append(use);
    return svg;
  }
  const percent = (share) => (share > 0 && share < 0.01 ? "<1%" : `${Math.round(100 * share)}%`);

  /* Lines under a piece of text, one for each model that chose it: the first solid, the second dashed below it. */
  function underline(node, owners) {
    const layers = [];
    owners.forEach((owner) => {
      const colour = `var(--m${owner.model % COLOURS})`;
      const paint = owner.dashed
        ? `repeating-linear-gradient(90deg, ${colour} 0 5px, transparent 5px 8px)`
        : `linear-gradient(${colour}, ${colour})`;
      layers.push(`${paint} 0 calc(100% - ${owner.dashed ? 0 : 4}px) / 100% 2.5px no-repeat`);
    });
    node.style.backgroundImage = "";
    if (layers.length) {
      const gold = node.classList.contains("gold");
      node.style.background = layers.join(", ") + (gold ? ", var(--gold)" : "");
      node.style.paddingBottom = "6px";
    }
  }
  function marks(q, place) {
    const found = place === q[CONTEXT] ? q[GOLD].map(([start, end]) => ({ start, end, gold: true, name: "reference" })) : [];
    [state.model, state.against].forEach((model, i) => {
      const a = q[ANSWERS][model];
      if (a[START] !== null && contextOf(q, a) === place) found.push({ start: a[START], end: a[END], model, dashed: i === 1, name: labels[model] });
    });
    return found;
  }
  function piece(context, begin, end, spans) {
    const content = context.slice(begin, end);
    const owners = spans.filter((s) => s.start < end && s.end > begin);
    if (!owners.length) return content;
    const mark = element("mark", owners.some((s) => s.gold) ? "gold" : "", content);
    mark.title = [...new Set(owners.map((s) => s.name))].join(", ");
    mark.dataset.who = owners.map((s) => (s.gold ? "gold" : s.model)).join(" ");
    underline(mark, owners.filter((s) => !s.gold));
    return mark;
  }
  function ranges(context, spans, whole) {
    if (whole || context.length <= SHORT) return [[0, context.length]];
    if (!spans.length) return [[0, SHORT / 2]];
    // Of a very long span both ends are enough.
    const ends = spans.flatMap((s) => (s.end - s.start > LONG ? [[s.start, s.start], [s.end, s.end]] : [[s.start, s.end]]));
    const wanted = ends.map(([start, end]) => [start - AROUND, end + AROUND]).sort((a, b) => a[0] - b[0]);
    const kept = [];
    for (const [begin, end] of wanted) {
      const last = kept[kept.length - 1];
      if (last && begin <= last[1] + 80) last[1] = Math.max(last[1], end);
      else kept.push([begin, end]);
    }
    // Cut at white space, which also never cuts a character in two; without any near by, as it comes.
    return kept.map(([begin, end]) => {
      let from = Math.max(0, begin);
      let to = Math.min(context.length, end);
      for (let i = from; from && i < begin + 40; i++) if (/\s/.test(context[i])) { from = i + 1; break; }
      for (let i = to; to < context.length && i > end - 40; i--) if (/\s/.test(context[i])) { to = i; break; }
      return [from, to];
    });
  }
  /* Where a very long text is cut into blocks: at white space, where there is any near by. */
  function blocks(context, from, to) {
    const seams = [];
    for (let at = from + PART; at < to - PART / 2; at += PART) {
      let seam = at;
      while (seam < at + 200 && !/\s/.test(context[seam])) seam++;
      if (/[\udc00-\udfff]/.test(context[seam])) seam++; // no character is cut in two
      seams.push(seam);
    }
    return seams;
  }
  function fillContext(paragraph, q, place, whole) {
    const context = contexts[place];
    const spans = marks(q, place);
    const parts = [];
    const gap = (words) => parts.push(element("span", "gap", words));
    ranges(context, spans, whole).forEach(([from, to], i) => {
      if (i || from) gap(i ? " … " : "… ");
      const inside = spans.flatMap((s) => [s.start, s.end]).filter((p) => p > from && p < to);
      const seams = blocks(context, from, to);
      const cuts = [...new Set([from, ...inside, ...seams, to])].sort((a, b) => a - b);
      const bounds = new Set(seams);
      let pieces = [];
      for (let j = 0; j + 1 < cuts.length; j++) {
        pieces.push(piece(context, cuts[j], cuts[j + 1], spans));
        if (!seams.length || (!bounds.has(cuts[j + 1]) && j + 2 < cuts.length)) continue;
        parts.push(element("span", "part", ...pieces));
        pieces = [];
      }
      parts.push(...pieces);
    });
    const last = ranges(context, spans, whole).pop();
    if (last[1] < context.length) gap(" …");
    paragraph.replaceChildren(...parts);
    return parts.some((p) => p.className === "gap");
  }

  function answerBox(q, model, dashed) {
    const a = q[ANSWERS][model];
    const said = text(q, a);
    const words = element("dd", said ? "text" : "text none", said || "no answer");
    words.dir = "auto";
    const bar = element("span", "bar-of", element("i", ""));
    bar.setAttribute("aria-hidden", "true");
    bar.firstChild.style.width = `${100 * a[CONFIDENCE]}%`;
    const verdict = a[EXACT] ? "exactly right" : a[F1] > 0 ? `F1 ${Math.round(100 * a[F1])}` : "wrong";
    const score = element("dd", "score", bar, `${percent(a[CONFIDENCE])} sure`, element("span", "", verdict));
    const from = places && said ? [placeLine(a[WHERE], q[DOCUMENTS].length && q[GOLD_TEXTS].length ? a[RIGHT_AT] === 1 : null)] : [];
    return element("div", `m${model % COLOURS}${dashed ? " dashed" : ""}`,
      element("dt", "", shape(model), labels[model]), words, ...from, score);
  }
  /* Where an answer stands, and whether that is the right document; null: not known. */
  function placeLine(place, right) {
    const [name, page] = places[place];
    const line = element("dd", `place${right === false ? " other" : ""}`, page === null ? name : `${name}, page ${page}`);
    if (right !== null) line.append(element("span", "", right ? " ✓" : " ✗ another document"));
    return line;
  }
  function goldBox(q) {
    const texts = [...new Set(q[GOLD_TEXTS] ?? q[GOLD].map((span) => goldText(q, span)))];
    const none = places ? "no answer in the documents" : "no answer in this text";
    const words = element("dd", texts.length ? "text" : "text none", texts.join(" · ") || none);
    words.dir = "auto";
    const from = (q[DOCUMENTS] ?? []).map((name) => element("dd", "place", name));
    return element("div", "", element("dt", "", "Reference"), words, ...from);
  }
  /* A text with the marks of all whose answer is in it; in a folder, under the name of its document. */
  function contextBox(q, place, node) {
    const context = element("p", "context");
    context.dir = "auto";
    if (places) {
      const [name, page, headings] = places[place];
      const words = [name, ...(page === null ? [] : [`page ${page}`]), ...(headings.length ? [headings.join(" › ")] : [])];
      if (name) node.append(element("p", "source", words.join(", ")));
    }
    node.append(context);
    if (!fillContext(context, q, place, false)) return;
    const size = contexts[place].length.toLocaleString("en");
    const button = element("button", "whole", `Show the whole ${places ? "passage" : "text"} (${size} characters)`);
    button.type = "button";
    button.addEventListener("click", () => { fillContext(context, q, place, true); button.remove(); });
    node.append(button);
  }
  function card(place) {
    const q = questions[place];
    const [a, b] = pair(q);
    const outcome = a[F1] > b[F1] ? "won" : a[F1] < b[F1] ? "lost" : changed(q) ? "changed" : "same";
    const names = { won: "▲ Won", lost: "▼ Lost", changed: "◆ Changed, equally good", same: "● Same" };
    const title = element("h3", "", q[QUESTION]);
    title.dir = "auto";
    const node = element("li", "card",
      element("div", "meta", element("span", `badge ${outcome}`, names[outcome]), element("span", "id", q[ID]),
        ...columns(q).map((words) => element("span", "column", words))),
      title,
      element("dl", "answers", goldBox(q), answerBox(q, state.model, false), answerBox(q, state.against, true)));
    node.dataset.outcome = outcome;
    shownContexts(q).forEach((place) => contextBox(q, place, node));
    return node;
  }

  /* Drawing: a chunk now, the next when the end of the list comes near. */
  function drawMore() {
    const next = shown.slice(drawn, drawn + CHUNK).map(card);
    list.append(...next);
    drawn += next.length;
    more.hidden = drawn >= shown.length;
    more.textContent = `Show more (${(shown.length - drawn).toLocaleString("en")} left)`;
  }
  function update() {
    const query = fold(state.query.trim());
    const found = questions.map((_, place) => place).filter((place) => !query || matches(place, query));
    document.querySelectorAll("[data-filter]").forEach((button) => {
      const fits = FITS[button.dataset.filter];
      const count = found.filter((place) => fits(questions[place])).length;
      button.querySelector("span").textContent = count.toLocaleString("en");
      button.setAttribute("aria-pressed", String(button.dataset.filter === state.filter));
    });
    shown = found.filter((place) => FITS[state.filter](questions[place]));
    if (ORDERS[state.order]) shown.sort(ORDERS[state.order]); // stable: else as in the data
    drawn = 0;
    list.replaceChildren();
    const total = questions.length.toLocaleString("en");
    byId("status").textContent = shown.length
      ? `${shown.length.toLocaleString("en")} of ${total} questions`
      : "No question fits. Try another filter, or fewer words.";
    drawMore();
  }
  function explain() {
    const legend = (className, words, owners) => {
      const mark = element("mark", className, words);
      underline(mark, owners);
      return mark;
    };
    const [a, b] = [labels[state.model], labels[state.against]];
    byId("meaning").replaceChildren(
      "Won: ", element("b", "", a), " has the higher F1. Changed: the two answers differ. In the texts: ",
      legend("gold", "reference", []), ", ",
      legend("", a, [{ model: state.model, dashed: false }]), ", ",
      legend("", b, [{ model: state.against, dashed: true }]), ".");
  }

  /* Controls. */
  document.querySelectorAll("[data-filter]").forEach((button) =>
    button.addEventListener("click", () => { state.filter = button.dataset.filter; update(); }));
  let waiting = 0;
  byId("search").addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.query = event.target.value; update(); }, 120);
  });
  byId("order").addEventListener("change", (event) => { state.order = event.target.value; update(); });
  if (labels.length > 2) {
    byId("pickers").hidden = false;
    for (const name of ["model", "against"]) {
      const select = byId(name);
      labels.forEach((label, i) => select.append(new Option(label, i)));
      select.value = state[name];
      select.addEventListener("change", () => {
        const other = name === "model" ? "against" : "model";
        const before = state[name];
        state[name] = Number(select.value);
        if (state[other] === state[name]) { state[other] = before; byId(other).value = before; } // they change places
        explain();
        update();
      });
    }
  }
  more.addEventListener("click", drawMore);
  new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting) && drawn < shown.length) drawMore();
  }, { rootMargin: "900px" }).observe(more);
  explain();
  update();
})();
