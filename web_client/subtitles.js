/** Writes sentences as TXT, SRT, WebVTT and JSON; cuts long sentences into readable cues. */
import { opening } from './transcript.js';

/** @typedef {import('./transcript.js').Sentence} Sentence */
/** @typedef {{text: string, start: number, end: number}} Cue  times in ms */

const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6]/;
const STOP = /[。！？!?；;.…]["”’」』）)]*\s*$/;
const PAUSE = /[，,、：:]["”’」』）)]*\s*$/;
// A CJK character, or a run of others, with the punctuation behind it.
const UNITS = /(?:[\u2e80-\u2fff\u3040-\u9fff\uf900-\ufaff]|[\p{L}\p{N}][^\s\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]*)/gu;
const LINE_COLUMNS = 42; // 42 Latin or 21 Chinese characters
const CUE_MS = 7000; // longest wanted
const MIN_CUE_MS = 700; // shorter ones cannot be read
const MS_PER_COLUMN = 75; // for sentences without times

function columns(text) {
  return [...text].reduce((sum, c) => sum + (WIDE.test(c) ? 2 : 1), 0);
}

function fits({ text, start, end }) {
  if (end - start > CUE_MS || columns(text) > 2 * LINE_COLUMNS) return false;
  return wrap(text).split('\n').every((line) => columns(line) <= LINE_COLUMNS);
}

/** The words of a sentence; where their times are unknown they are spread over the text. */
function wordsOf({ text, words }, start, end) {
  if (words.length) return words;
  const total = columns(text) || 1;
  const at = (offset) => Math.round(start + ((end - start) * columns(text.slice(0, offset))) / total);
  return [...text.matchAll(UNITS)].map((match) => {
    const to = match.index + match[0].length;
    return { start: at(match.index), end: at(to), from: match.index, to };
  });
}

/** Halves a run of words at the best place until each piece is readable. @returns {Cue[]} */
function split(text, words, from, to, edges) {
  const piece = { text: text.slice(from, to).trim(), ...edges };
  if (words.length < 2 || fits(piece)) return [piece];
  let best = 1;
  let lowest = Infinity;
  const total = columns(piece.text);
  for (let i = 1; i < words.length; i += 1) {
    const before = text.slice(from, words[i].from);
    const mark = STOP.test(before) ? 0 : PAUSE.test(before) ? 0.1 : 0.4;
    const gap = Math.min(0.2, Math.max(0, words[i].start - words[i - 1].end) / 2000);
    const cost = Math.abs(columns(before) / total - 0.5) + mark - gap;
    if (cost < lowest) [best, lowest] = [i, cost];
  }
  const middle = opening(text, words[best].from);
  return [
    ...split(text, words.slice(0, best), from, middle, { start: edges.start, end: words[best - 1].end }),
    ...split(text, words.slice(best), middle, to, { start: words[best].start, end: edges.end }),
  ];
}

/** @returns {string} one line, or two of about equal width */
function wrap(text) {
  if (columns(text) <= LINE_COLUMNS) return text;
  let best = '';
  let lowest = Infinity;
  for (const { index } of text.matchAll(UNITS)) {
    const at = opening(text, index);
    const [upper, lower] = [text.slice(0, at).trim(), text.slice(at)];
    const [a, b] = [columns(upper), columns(lower)];
    const over = Math.max(0, a - LINE_COLUMNS) + Math.max(0, b - LINE_COLUMNS);
    const cost = 1000 * over + Math.abs(a - b) + (STOP.test(upper) || PAUSE.test(upper) ? 0 : 12);
    if (upper && cost < lowest) [best, lowest] = [`${upper}\n${lower}`, cost];
  }
  return best || text;
}

/** @param {Sentence[]} sentences  @returns {Cue[]} in order, without overlap, with line breaks */
export function cues(sentences) {
  const result = [];
  let before = 0;
  for (const sentence of sentences) {
    const start = sentence.start ?? before;
    const known = sentence.end !== null && sentence.end > start;
    const end = known ? sentence.end : start + Math.max(MIN_CUE_MS, columns(sentence.text) * MS_PER_COLUMN);
    const { text } = sentence;
    result.push(...split(text, wordsOf(sentence, start, end), 0, text.length, { start, end }));
    before = end;
  }
  result.forEach((cue, i) => {
    if (i > 0) cue.start = Math.max(cue.start, result[i - 1].start + 1);
  });
  result.forEach((cue, i) => {
    cue.end = Math.min(Math.max(cue.end, cue.start + MIN_CUE_MS), result[i + 1]?.start ?? Infinity);
    cue.text = wrap(cue.text);
  });
  return result;
}

/** @returns {string} hh:mm:ss<mark>mmm */
export function clockTime(ms, mark) {
  const whole = Math.max(0, Math.round(ms));
  const pad = (value, size = 2) => String(value).padStart(size, '0');
  const seconds = Math.floor(whole / 1000);
  return `${pad(Math.floor(seconds / 3600))}:${pad(Math.floor(seconds / 60) % 60)}:${pad(seconds % 60)}`
    + `${mark}${pad(whole % 1000, 3)}`;
}

/** One sentence a line. */
export function toTxt(sentences) {
  return sentences.map((sentence) => `${sentence.text}\n`).join('');
}

/** SubRip has no escapes: what players take for a tag is written with full-width brackets. */
export function toSrt(sentences) {
  const safe = (text) => text.replaceAll('-->', '->').replace(/<(?=[A-Za-z/])/g, '＜').replace(/\{(?=\\)/g, '｛');
  return cues(sentences).map((cue, i) =>
    `${i + 1}\n${clockTime(cue.start, ',')} --> ${clockTime(cue.end, ',')}\n${safe(cue.text)}\n`).join('\n');
}

export function toVtt(sentences) {
  const escape = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
  const body = cues(sentences).map((cue) =>
    `${clockTime(cue.start, '.')} --> ${clockTime(cue.end, '.')}\n${escape(cue.text)}\n`);
  return ['WEBVTT\n', ...body].join('\n');
}

/** @param {Sentence[]} sentences  @param {object} about name, mode, duration_ms, ... */
export function toJson(sentences, about = {}) {
  const list = sentences.map(({ text, start, end, words, unconfirmed }, index) => ({
    index,
    text,
    start_ms: start,
    end_ms: end,
    ...(unconfirmed && { unconfirmed }),
    words: words.map((word) => ({ text: word.text, start_ms: word.start, end_ms: word.end })),
  }));
  return `${JSON.stringify({ ...about, text: continuous(sentences), sentences: list }, null, 2)}\n`;
}

/** The whole text: a space only between Latin sentences. */
function continuous(sentences) {
  return sentences.reduce((text, sentence) => {
    const spaced = /[\x21-\x7e]$/.test(text) && /^[\p{Script=Latin}\p{N}]/u.test(sentence.text);
    return text + (spaced ? ' ' : '') + sentence.text;
  }, '');
}
