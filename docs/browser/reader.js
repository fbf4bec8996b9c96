/**
 * Answers questions in a browser with a model that `qa-pipeline export MODEL --format onnx` wrote.
 *
 *     import { Reader } from "./reader.js";
 *     const reader = await Reader.load("./model/");
 *     const answer = await reader.ask("How high is the fee?", "We charge a fee of 25 euros.");
 *     answer.text; // "25 euros", from answer.start to answer.end
 *
 * The answers are those of `QAPredictor.predict`. `@huggingface/transformers` runs the model; places in the text are
 * found in tokens.js, spans chosen in spans.js. Nothing is sent anywhere.
 */
import { AutoModel, AutoModelForQuestionAnswering, Tensor, env } from "@huggingface/transformers";
import { isSpace } from "./characters.js";
import { apart, bestSpans, decide } from "./spans.js";
import { TextTokenizer } from "./tokens.js";

const FORMAT_VERSION = 1;
const FOLDER = "/exported/"; // the made-up place at which transformers.js looks for a folder, see `loadModel`

/**
 * @typedef {object} Span
 * @property {string} text `context.slice(start, end)`.
 * @property {number} start, end as JavaScript counts (UTF-16 units), end exclusive.
 * @property {[number, number]} codePoints the same places as Python counts.
 * @property {number} score how far it is above "no answer" in its window, in logits.
 * @property {number} confidence 0 to 1.
 *
 * @typedef {Span} Answer the best answer; text "" and places null for "no answer".
 * @property {number} noAnswerConfidence of there being no answer, 0 to 1; 0 for a model that always answers.
 * @property {number} nullOdds how far "no answer" is above the best span, in logits.
 * @property {number} numWindows into how many windows the context was cut.
 * @property {boolean} questionTruncated whether the question was too long and only its begin was asked.
 * @property {Span[]} nbest the best spans, best first; they may overlap.
 * @property {Span[]} answers of these at most `topK` that overlap no better one; first of all, where it won, "no answer".
 */

export class Reader {
  /**
   * Loads an exported folder.
   *
   * @param {string|URL} folder its address.
   * @param {{wasm?: string|URL}} options wasm: folder of the files of onnxruntime-web; left out, they come from a CDN.
   * @returns {Promise<Reader>}
   * @throws {Error} a file is missing or of a newer format, or the model cannot be run in a browser.
   */
  static async load(folder, { wasm } = {}) {
    const address = new URL(`${folder}`.replace(/\/?$/, "/"), globalThis.document?.baseURI ?? import.meta.url);
    const record = await read(address, "export.json");
    if (record.kind !== "reader" || record.format !== "onnx") {
      const found = `${record.kind} of format ${record.format}`;
      throw new Error(`${address} holds a ${found}; a browser needs qa-pipeline export MODEL --format onnx`);
    }
    const names = ["config.json", "qa_config.json", "tokenizer.json", "tokenizer_config.json"];
    const [config, stored, ...tokenizer] = await Promise.all(names.map((name) => read(address, name)));
    const model = await loadModel(address, record, config, wasm);
    return new Reader(model, tokenizer, { ...DEFAULTS, ...stored }, record);
  }

  /** Made by `load`. */
  constructor(model, [tokenizerJson, tokenizerConfig], settings, record) {
    this.model = model;
    this.record = record;
    this.tokenizer = new TextTokenizer(tokenizerJson, tokenizerConfig);
    this.template = pairTemplate(this.tokenizer, tokenizerConfig);
    this.fromTheEnd = tokenizerConfig.truncation_side === "left";
    const longest = Math.min(...[record.longest_window, tokenizerConfig.model_max_length].map((most) => most ?? Infinity));
    this.settings = withRoom(settings, this.template, longest);
  }

  /**
   * Answers a question from a text of any length.
   *
   * @param {string} question
   * @param {string} context
   * @param {{topK?: number, onWindow?: (done: number, all: number) => void}} options topK: most `answers`; onWindow: told
   *   before each window how many were read, so that a page can show it.
   * @returns {Promise<Answer>}
   * @throws {Error} a text is blank or not valid Unicode, or the question leaves no room for the text.
   */
  async ask(question, context, { topK = 5, onWindow = () => {} } = {}) {
    for (const [name, text] of Object.entries({ question, context })) {
      if (typeof text !== "string" || [...text].every(isSpace)) throw new Error(`the ${name} is empty; write one`);
    }
    const { settings } = this;
    const { windows, begins, ends, questionTruncated } = this.windows(question, context);
    const limits = {
      count: settings.n_best_size,
      longest: settings.max_answer_length,
      temperature: settings.temperature,
    };
    const spans = [];
    const logTotals = [];
    for (const [number, window] of windows.entries()) {
      onWindow(number, windows.length);
      if (number) await new Promise((resume) => setTimeout(resume)); // so that the page can be drawn and scrolled
      const [starts, stops] = await this.logits(window);
      const found = bestSpans(starts, stops, window, limits);
      logTotals.push(found.logTotal);
      for (const { first, last, gap } of found.spans) {
        spans.push({ start: begins[window.offset + first], end: ends[window.offset + last], score: gap });
      }
    }
    const answer = decide(context, spans, logTotals, settings);
    const { text, start, end, codePoints, score, confidence } = answer;
    const none = start === null ? [{ text, start, end, codePoints, score, confidence }] : [];
    return { ...answer, questionTruncated, answers: [...none, ...apart(answer.nbest)].slice(0, topK) };
  }

  /**
   * A question and a context as the windows that the model reads: the question, a stretch of the context, and special
   * tokens around them; neighbours share `doc_stride` tokens of the context.
   *
   * @returns {{windows: object[], begins: number[], ends: number[], questionTruncated: boolean}} of each window its `ids`
   *   and `types`, where in it the context stands (`begin`, `end`) and "no answer" (`nullIndex`), and the number of its
   *   first token of the context (`offset`); of each token of the context its characters.
   * @throws {Error} the question leaves no room for the context.
   */
  windows(question, context) {
    const { settings } = this;
    const { prefix, middle, suffix, types, nothing } = this.template;
    const lead = [...question].findIndex((character) => !isSpace(character));
    const all = this.tokenizer.encode(question.slice(lead)).ids;
    const asked = all.slice(0, settings.max_question_length);
    const { ids, begins, ends } = this.tokenizer.encode(context);
    const before = [...prefix, ...asked, ...middle];
    const typesBefore = [...types.prefix, ...asked.map(() => types.question), ...types.middle];
    const room = settings.max_seq_length - before.length - suffix.length;
    if (room <= settings.doc_stride && ids.length > room) {
      throw new Error(`the question is too long: it leaves room for ${Math.max(room, 0)} tokens of the text; shorten it`);
    }
    const step = Math.max(room - settings.doc_stride, 1);
    const windows = [];
    for (let number = 0; number <= Math.max(Math.ceil((ids.length - room) / step), 0); number++) {
      const last = ids.length - number * step;
      const offset = this.fromTheEnd ? Math.max(last - room, 0) : number * step;
      const part = ids.slice(offset, this.fromTheEnd ? last : offset + room);
      const end = before.length + part.length;
      windows.push({
        ids: [...before, ...part, ...suffix],
        types: [...typesBefore, ...part.map(() => types.context), ...types.suffix],
        begin: before.length,
        end,
        nullIndex: { prefix: 0, middle: prefix.length + asked.length, suffix: end }[nothing.part] + nothing.index,
        offset,
      });
    }
    return { windows, begins, ends, questionTruncated: all.length > asked.length };
  }

  /** Start and end logits of one window, each Float32Array of (window tokens,). */
  async logits({ ids, types }) {
    const tensor = (values) => new Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
    const inputs = { input_ids: tensor(ids), attention_mask: tensor(ids.map(() => 1)), token_type_ids: tensor(types) };
    const given = Object.entries(inputs).filter(([name]) => this.record.inputs.includes(name));
    const { start_logits: starts, end_logits: stops } = await this.model(Object.fromEntries(given));
    return [starts.data, stops.data];
  }
}

/** What stands around a question and a context: special tokens with their type ids, and which of them is "no answer". */
function pairTemplate(tokenizer, config) {
  const [question, context] = ["\0question", "\0context"];
  const { post_processor: join } = tokenizer.tokenizer;
  const joined = join ? join([question], [context], true) : { tokens: [question, context] };
  const tokens = [...joined.tokens, ...(joined.tokens_pair ?? [])];
  const types = joined.token_type_ids ?? tokens.map(() => 0);
  const [first, second] = [tokens.indexOf(question), tokens.indexOf(context)];
  if (first < 0 || second < first) throw new Error("the tokenizer does not put the question before the text");
  const cut = (list) => ({ prefix: list.slice(0, first), middle: list.slice(first + 1, second), suffix: list.slice(second + 1) });
  const names = cut(tokens);
  const places = Object.entries(names).flatMap(([part, list]) => list.map((name, index) => ({ part, index, name })));
  const wanted = [config.cls_token, config.bos_token].map((token) => token?.content ?? token);
  const found = wanted.map((token) => places.find(({ name }) => name === token)).find((place) => place);
  const ids = Object.entries(names).map(([part, list]) => [part, list.map((name) => tokenizer.specialId(name))]);
  return {
    ...Object.fromEntries(ids),
    types: { ...cut(types), question: types[first], context: types[second] },
    nothing: found ?? places[0] ?? { part: "prefix", index: 0 },
  };
}

/** The limits with which a model is asked that stores none. */
const DEFAULTS = {
  max_seq_length: 384,
  doc_stride: 128,
  max_question_length: 64,
  max_answer_length: 30,
  n_best_size: 20,
  version_2_with_negative: false,
  null_score_diff_threshold: 0,
  temperature: 1,
};

/** The settings with lengths that fit the model: an overlap and a question share a window with some of the text. */
function withRoom(settings, { prefix, middle, suffix }, longest) {
  const max_seq_length = Math.min(settings.max_seq_length, longest);
  const doc_stride = Math.min(settings.doc_stride, Math.floor(max_seq_length / 2));
  const room = max_seq_length - prefix.length - middle.length - suffix.length - doc_stride - 1;
  const max_question_length = Math.max(Math.min(settings.max_question_length, room), 1);
  return { ...settings, max_seq_length, doc_stride, max_question_length };
}

// Files of the folder.

async function read(address, name) {
  const response = await fetch(new URL(name, address), { cache: "no-cache" }).catch((error) => ({ status: error.message }));
  if (!response.ok) {
    const wanted = "a folder that qa-pipeline export MODEL --format onnx wrote";
    throw new Error(`${address}${name} cannot be read (${response.status}); expected ${wanted}`);
  }
  const value = await response.json().catch(() => {
    throw new Error(`${address}${name} is not JSON; export the model again`);
  });
  if ((value.format_version ?? 0) > FORMAT_VERSION) {
    throw new Error(`${address}${name} is of a newer format (${value.format_version}) than this page knows; update the page`);
  }
  return value;
}

const folders = new Map(); // name -> address

/**
 * Has transformers.js load the model. It looks for models on a hub or below one local path, by names such as "model", so
 * it is given a made-up name, and what it asks for there is fetched from the folder: always as it is now (`no-cache`
 * asks the server whether it changed), for a new export has the same names.
 */
async function loadModel(address, record, config, wasm) {
  const [, subfolder, file] = /^([\w-]+)\/([\w-]+)\.onnx$/.exec(record.model_file) ?? [];
  if (!file) throw new Error(`${address}export.json: model_file is "${record.model_file}"; expected such as onnx/model.onnx`);
  const name = `reader-${folders.size + 1}`;
  folders.set(name, address);
  Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, localModelPath: FOLDER });
  Object.assign(env, { useBrowserCache: false, useWasmCache: false, fetch: fetchExported });
  if (wasm) env.backends.onnx.wasm.wasmPaths = `${wasm}`;
  const Model = AutoModelForQuestionAnswering.supports(config.model_type) ? AutoModelForQuestionAnswering : AutoModel;
  try {
    return await Model.from_pretrained(name, { subfolder, model_file_name: file, dtype: "fp32", device: "wasm" });
  } catch (error) {
    throw new Error(`${address}: the model cannot be loaded (${error.message})`, { cause: error });
  }
}

function fetchExported(url, options) {
  const [, name, file] = /^\/exported\/(reader-\d+)\/(.+)$/.exec(url) ?? [];
  return name ? fetch(new URL(file, folders.get(name)), { ...options, cache: "no-cache" }) : fetch(url, options);
}
