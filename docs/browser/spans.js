/**
 * Turns the logits of windows into answers: the best spans, "no answer", confidences. Never sees a model or a token.
 *
 * It decides as `qa_pipeline.postprocess` does. A span's score is its gap: its two logits less those of the token that
 * stands for "no answer" in the same window, which makes windows comparable. Confidences are a softmax over everything
 * that could have been said: all spans of all windows and, where questions may have no answer, "no answer" with gap 0.
 */
import { wholeGraphemes } from "./characters.js";

const MOST = 1e37; // the sum of two larger logits might not be a float32

/**
 * The best spans of one window, exactly: of all that begin and end on tokens of the context, end no earlier than they
 * begin and are at most `longest` tokens, the `count` with the highest sum of logits; of equal ones the earlier first.
 *
 * @param {Float32Array} startLogits (window tokens,)
 * @param {Float32Array} endLogits (window tokens,)
 * @param {{begin: number, end: number, nullIndex: number}} window positions of its context's tokens, and of "no answer".
 * @param {{count: number, longest: number, temperature: number}} limits
 * @returns {{spans: {first: number, last: number, gap: number}[], logTotal: number}} best first, tokens counted from the
 *   first of the context, `last` inclusive; and the log of the sum of exp(gap / temperature) over all spans.
 * @throws {Error} a logit is NaN, infinite or absurdly large.
 */
export function bestSpans(startLogits, endLogits, { begin, end, nullIndex }, { count, longest, temperature }) {
  for (const logits of [startLogits, endLogits]) {
    const seen = [logits[nullIndex], ...logits.subarray(begin, end)];
    if (!seen.every((logit) => Math.abs(logit) <= MOST)) {
      throw new Error("the model's logits are NaN, infinite or too large: expected finite numbers; export it again");
    }
  }
  const nothing = Math.fround(startLogits[nullIndex] + endLogits[nullIndex]);
  let best = []; // descending; a later span of the same score stands behind an earlier one
  let highest = -Infinity;
  let sum = 0; // of exp((score - highest) / temperature)
  for (let first = begin; first < end; first++) {
    for (let last = first; last < Math.min(first + longest, end); last++) {
      const score = Math.fround(startLogits[first] + endLogits[last]);
      if (score > highest) {
        sum = sum * Math.exp((highest - score) / temperature) + 1;
        highest = score;
      } else {
        sum += Math.exp((score - highest) / temperature);
      }
      if (best.length < count || score > best.at(-1).score) {
        let place = best.length;
        while (place && score > best[place - 1].score) place--;
        best.splice(place, 0, { first: first - begin, last: last - begin, score });
        if (best.length > count) best.pop();
      }
    }
  }
  return {
    spans: best.map(({ first, last, score }) => ({ first, last, gap: score - nothing })),
    logTotal: (highest - nothing) / temperature + Math.log(sum),
  };
}

/**
 * The answer to a question from the spans of all windows of one text.
 *
 * @param {string} text
 * @param {{start: number, end: number, score: number}[]} spans of all windows, in characters; score is the gap.
 * @param {number[]} logTotals of each window, see `bestSpans`.
 * @param {object} settings n_best_size, version_2_with_negative, null_score_diff_threshold and temperature.
 * @returns {Answer}
 */
export function decide(text, spans, logTotals, settings) {
  const mayBeNone = settings.version_2_with_negative;
  const total = logSum(mayBeNone ? [...logTotals, 0] : logTotals);
  const best = distinctPlaces(text, spans).slice(0, settings.n_best_size);
  const nbest = best.map(({ start, end, score }) => ({
    text: text.slice(start, end),
    start,
    end,
    codePoints: [codePoints(text, start), codePoints(text, end)],
    score,
    confidence: Math.min(Math.exp(score / settings.temperature - total), 1),
  }));
  const noAnswerConfidence = mayBeNone ? Math.min(Math.exp(-total), 1) : 0;
  const nullOdds = nbest.length ? -nbest[0].score : Infinity;
  const silent = !nbest.length || (mayBeNone && nullOdds > settings.null_score_diff_threshold);
  const none = { text: "", start: null, end: null, codePoints: null, score: 0, confidence: noAnswerConfidence };
  return { ...(silent ? none : nbest[0]), noAnswerConfidence, nullOdds, numWindows: logTotals.length, nbest };
}

/** The spans that overlap no better one, best first. */
export function apart(spans) {
  const kept = [];
  for (const span of spans) {
    if (kept.every((other) => span.end <= other.start || other.end <= span.start)) kept.push(span);
  }
  return kept;
}

/** Each place once, with its highest score, best first; none of white space only, and none that cuts a character. */
function distinctPlaces(text, spans) {
  const places = new Map();
  for (const span of spans) {
    if (span.end <= span.start) continue;
    const [start, end] = wholeGraphemes(text, span.start, span.end);
    const name = `${start} ${end}`;
    if (!(places.get(name)?.score >= span.score)) places.set(name, { start, end, score: span.score });
  }
  return [...places.values()].sort((a, b) => b.score - a.score || a.start - b.start || a.end - b.end);
}

/** The place as Python counts it: characters beyond U+FFFF are one there and two in JavaScript. */
function codePoints(text, place) {
  let count = 0;
  for (let i = 0; i < place; i++) count += text.charCodeAt(i) >> 10 !== 0x37; // not the second half of a pair
  return count;
}

function logSum(values) {
  const highest = Math.max(...values);
  if (!Number.isFinite(highest)) return highest;
  return highest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - highest), 0));
}
