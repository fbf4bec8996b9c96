/**
 * The page: takes a question and a text, shows the answers and where they stand. What decides them is in reader.js.
 *
 * The address may name another model: `?model=https://example.org/my-model/`.
 */
const at = (id) => document.getElementById(id);
const make = (name, properties, ...children) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
};
const percent = (share) => `${(100 * share).toFixed(share > 0.9995 || share < 0.0005 ? 2 : 1)} %`;
const places = ({ start, end, codePoints: [first, last] }) =>
  `characters ${start} to ${end}` + (first === start && last === end ? "" : ` (in Python ${first} to ${last})`);

let reader;
const begun = performance.now();
try {
  const { Reader } = await import("./reader.js").catch((error) => {
    throw new Error(`The libraries of this page are not there: run npm ci in its folder (${error.message}).`);
  });
  const model = new URLSearchParams(location.search).get("model") ?? "./model/";
  reader = await Reader.load(model, { wasm: import.meta.resolve("onnxruntime-web/") });
  const { source, precision, head_untrained: untrained } = reader.record;
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  const noise = untrained ? " It was never trained to answer: its answers are noise." : "";
  at("state").textContent = `${source} (${precision}), ready after ${seconds} s. Nothing leaves this page.${noise}`;
  at("ask").disabled = false;
} catch (error) {
  at("state").replaceChildren(make("span", { className: "problem", textContent: error.message }));
}

at("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (at("ask").disabled) return;
  at("ask").disabled = true;
  const [question, context] = [at("question").value, at("context").value];
  const start = performance.now();
  try {
    const onWindow = (done, all) => {
      if (all > 1) at("ask").textContent = `Reading ${done + 1} of ${all} …`;
    };
    const answer = await reader.ask(question, context, { onWindow });
    show(answer, context, (performance.now() - start) / 1000);
  } catch (error) {
    at("found").replaceChildren(make("p", { className: "problem", textContent: error.message }));
  }
  at("ask").textContent = "Ask";
  at("ask").disabled = false;
});

at("file").addEventListener("change", async ({ target }) => {
  if (target.files.length) at("context").value = await target.files[0].text();
});

function show(answer, context, seconds) {
  const words = answer.start === null ? "No answer in this text" : answer.text;
  const facts = [`confidence ${percent(answer.confidence)}`];
  if (answer.start !== null) facts.push(places(answer));
  if (answer.numWindows > 1) facts.push(`${answer.numWindows} windows`);
  facts.push(`${seconds.toFixed(2)} s`);
  if (answer.questionTruncated) facts.push("the question is too long: only its begin was asked");
  const text = make("div", { id: "text", tabIndex: 0, ariaLabel: "The text with the answer marked" });
  const buttons = answer.answers.map((span) => choice(span, text, context));
  at("found").replaceChildren(
    make("p", { className: answer.start === null ? "best none" : "best", textContent: words }),
    make("p", { className: "about", textContent: facts.join(", ") }),
    text,
    make("h2", { textContent: "Best answers" }),
    make("ol", {}, ...buttons.map((button) => make("li", {}, button))),
  );
  buttons[0]?.click();
}

/** A button that marks its answer in the text. */
function choice(span, text, context) {
  const found = span.start !== null;
  const about = [percent(span.confidence), ...(found ? [places(span)] : [])].join(", ");
  const button = make("button", { type: "button", ariaPressed: "false" });
  button.append(make("span", { textContent: found ? span.text : "no answer" }), make("small", { textContent: about }));
  button.addEventListener("click", () => {
    for (const other of text.parentElement.querySelectorAll("ol button")) other.ariaPressed = `${other === button}`;
    text.replaceChildren(context);
    if (!found) return;
    const mark = make("mark", { textContent: span.text });
    text.replaceChildren(context.slice(0, span.start), mark, context.slice(span.end));
    text.scrollTop = mark.offsetTop - text.clientHeight / 2;
  });
  return button;
}
