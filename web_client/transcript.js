/** Results of one utterance: messages in, sentences and the live partial out. No DOM. */

const CONTENT = /[\p{L}\p{N}\p{M}]/u;
const OPENING = /[“‘《〈「『（(\[{$¥€£]/;
const CJK = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;
const SENTENCE_END = /[。！？!?.…]/;
const LONG_PAUSE_MS = 1000; // between two entries: another sentence, whatever the punctuation

/**
 * @typedef {{text: string, start: number, end: number, from: number, to: number}} Word
 *   times in ms, from/to are offsets into the text of its sentence
 * @typedef {{text: string, start: number|null, end: number|null, words: Word[],
 *   unconfirmed?: boolean}} Sentence  times in ms from the start of the utterance
 */

export class Transcript {
  /** @type {Sentence[]} */
  sentences = [];
  partial = '';

  /** @param {object} message  @returns {Sentence[]} the sentences that it added */
  apply(message) {
    const { mode = '', text = '', is_final: isFinal } = message;
    if (mode === 'vad' || message.is_end === true || typeof text !== 'string') return [];
    let added = [];
    if (String(mode).endsWith('online')) {
      this.partial += text;
      if (isFinal !== true) return [];
      added = plainSentence(this.partial);
    } else {
      if (message.error_code && !text) return []; // the partial may be all there ever is
      added = sentencesOf(message);
    }
    this.partial = '';
    this.sentences.push(...added);
    return added;
  }

  /** Keeps a partial that will never be corrected. @returns {Sentence[]} */
  keepPartial() {
    const kept = plainSentence(this.partial).map((s) => ({ ...s, unconfirmed: true }));
    this.partial = '';
    this.sentences.push(...kept);
    return kept;
  }
}

function plainSentence(text) {
  return text.trim() ? [{ text: text.trim(), start: null, end: null, words: [] }] : [];
}

/** @returns {Sentence[]} the sentences of a 2pass-offline or offline message */
export function sentencesOf({ text, stamp_sents: stamps, start_time: start, end_time: end }) {
  const whole = text.trim();
  if (!whole) return [];
  const parts = join((Array.isArray(stamps) ? stamps : []).map(parseStamp).filter((s) => s.tokens.length));
  if (parts.length === 0) return [{ text: whole, start: time(start), end: time(end), words: [] }];
  parts[0].start = time(start) ?? parts[0].start;
  parts.at(-1).end = time(end) ?? parts.at(-1).end;
  const words = align(whole, parts.flatMap((part) => part.tokens));
  if (words) return cut(whole, parts, words);
  if (parts.length === 1) return [{ text: whole, start: parts[0].start, end: parts[0].end, words: [] }];
  return parts.map((part) => ({
    text: joinTokens(part.tokens) + part.punc, start: part.start, end: part.end, words: [],
  }));
}

function time(value) {
  return Number.isFinite(value) && value >= 0 ? value : null;
}

function parseStamp(entry) {
  const { text_seg: segment = '', punc = '', start, end, ts_list: pairs } = entry ?? {};
  const texts = String(segment).split(/\s+/).filter(Boolean);
  const timed = Array.isArray(pairs) && pairs.length === texts.length;
  const tokens = texts.map((text, i) => ({
    text, start: timed ? time(pairs[i]?.[0]) : null, end: timed ? time(pairs[i]?.[1]) : null, punc: '',
  }));
  if (tokens.length) tokens.at(-1).punc = String(punc);
  return { tokens, punc: String(punc), start: time(start), end: time(end) };
}

/** Entries may be clauses: joins them to sentences. */
function join(parts) {
  const sentences = [];
  let open = null;
  for (const part of parts) {
    const near = open && !(part.start - open.end >= LONG_PAUSE_MS);
    if (near && open.punc && !SENTENCE_END.test(open.punc)) {
      open.tokens.push(...part.tokens);
      open.punc = part.punc;
      open.end = part.end;
    } else {
      open = part;
      sentences.push(open);
    }
  }
  // The punctuation of the last clause is added where the text is put together.
  for (const sentence of sentences) sentence.tokens.at(-1).punc = '';
  return sentences;
}

/**
 * Finds the tokens in the text, looking only at letters and digits.
 * @returns {(Word & {index: number})[]|null} one a token with such characters; null if they differ
 */
export function align(text, tokens) {
  const characters = [];
  for (let at = 0; at < text.length;) {
    const character = String.fromCodePoint(text.codePointAt(at));
    if (CONTENT.test(character)) characters.push({ at, value: character.toLowerCase(), size: character.length });
    at += character.length;
  }
  const words = [];
  let next = 0;
  for (const [index, token] of tokens.entries()) {
    const wanted = [...token.text].filter((c) => CONTENT.test(c)).map((c) => c.toLowerCase());
    const found = characters.slice(next, next + wanted.length);
    if (found.length !== wanted.length || found.some((c, i) => c.value !== wanted[i])) return null;
    next += wanted.length;
    if (!found.length) continue;
    const last = found.at(-1);
    words.push({
      text: token.text, start: token.start, end: token.end, from: found[0].at, to: last.at + last.size, index,
    });
  }
  return next === characters.length ? words : null;
}

/** Divides the text where each part's first word begins. */
function cut(text, parts, words) {
  const groups = [];
  let limit = 0;
  for (const part of parts) {
    const first = limit;
    limit += part.tokens.length;
    const own = words.filter((word) => word.index >= first && word.index < limit);
    if (own.length || parts.length === 1) groups.push({ part, own });
  }
  return groups.map(({ part, own }, i) => {
    const from = i === 0 ? 0 : opening(text, own[0].from);
    const to = i + 1 < groups.length ? opening(text, groups[i + 1].own[0].from) : text.length;
    const raw = text.slice(from, to);
    const shift = from + (raw.length - raw.trimStart().length);
    const timed = own.every((word) => word.start !== null && word.end !== null);
    return {
      text: raw.trim(),
      start: part.start,
      end: part.end,
      words: timed ? own.map(({ index, ...word }) => ({
        ...word, from: word.from - shift, to: word.to - shift,
      })) : [],
    };
  });
}

/** Opening brackets and quotes belong to the word behind them. */
export function opening(text, at) {
  let from = at;
  while (from > 0 && OPENING.test(text[from - 1])) from -= 1;
  return from;
}

function joinTokens(tokens) {
  return tokens.reduce((text, token) => {
    const spaced = text && !(CJK.test(text.at(-1)) || CJK.test(token.text[0]) || /[，。！？、；：]$/.test(text));
    return text + (spaced ? ' ' : '') + token.text + token.punc;
  }, '');
}
