/** The transcript panel: one card an utterance, with copy and downloads. */
import { toJson, toSrt, toTxt, toVtt } from './subtitles.js';
import { Transcript } from './transcript.js';
import { $, shortTime, texts, translate } from './view.js';

const WRITERS = {
  txt: ['text/plain', toTxt],
  srt: ['application/x-subrip', toSrt],
  vtt: ['text/vtt', toVtt],
  json: ['application/json', toJson],
};
const NEAR_END_PX = 120;

export class Take {
  transcript = new Transcript();
  durationMs = 0;
  #about;
  #card;

  /** @param {{name: string, fileName: string, mode: string, language: string}} about */
  constructor(about) {
    this.#about = about;
    this.#card = $('#take-template').content.firstElementChild.cloneNode(true);
    translate(this.#card);
    $('h3', this.#card).textContent = about.name;
    for (const button of this.#card.querySelectorAll('[data-export]')) {
      button.addEventListener('click', () => this.#export(button));
    }
    this.#refresh();
  }

  get card() {
    return this.#card;
  }

  /** @param {object} message a result of the server */
  apply(message) {
    this.#show(this.transcript.apply(message));
  }

  /** The connection ended before the last sentence was confirmed. */
  keepPartial() {
    this.#show(this.transcript.keepPartial());
  }

  /** @param {boolean} complete whether the server said that it was done */
  close(durationMs, complete) {
    this.durationMs = durationMs;
    if (complete && !this.transcript.sentences.length) {
      const note = $('.take-note', this.#card);
      note.dataset.i18n = 'nothingHeard';
      note.hidden = false;
      translate(this.#card);
    }
    this.#refresh();
  }

  #show(sentences) {
    const follow = this.#atEnd();
    for (const sentence of sentences) $('.sentences', this.#card).append(row(sentence));
    const partial = $('.partial', this.#card);
    partial.textContent = this.transcript.partial.trimStart();
    partial.hidden = !partial.textContent;
    this.#refresh();
    if (follow) this.#card.scrollIntoView({ block: 'end' });
  }

  /** New text is followed only while the reader has not scrolled back. */
  #atEnd() {
    const panel = $('.transcript').getBoundingClientRect().bottom;
    const { bottom } = this.#card.getBoundingClientRect();
    return bottom < Math.min(panel, innerHeight) + NEAR_END_PX;
  }

  #refresh() {
    const { sentences } = this.transcript;
    $('.tools', this.#card).hidden = !sentences.length;
    const end = this.durationMs || sentences.at(-1)?.end;
    $('.take-meta', this.#card).textContent = end ? shortTime(end) : '';
  }

  async #export(button) {
    const { sentences } = this.transcript;
    const kind = button.dataset.export;
    if (kind === 'copy') {
      await copyText(toTxt(sentences).trimEnd());
      button.dataset.i18n = 'copied';
      button.textContent = texts().text('copied');
      setTimeout(() => {
        button.dataset.i18n = 'copy';
        button.textContent = texts().text('copy');
      }, 1600);
      return;
    }
    const { name, fileName, mode, language } = this.#about;
    const [type, write] = WRITERS[kind];
    const content = write(sentences, { name, mode, language, duration_ms: Math.round(this.durationMs) || null });
    saveFile(`${fileName}.${kind}`, type, content);
  }
}

function row(sentence) {
  const item = document.createElement('li');
  item.className = 'sentence';
  if (sentence.start !== null && sentence.end !== null) {
    const time = document.createElement('time');
    time.textContent = `${shortTime(sentence.start, true)} – ${shortTime(sentence.end, true)}`;
    item.append(time);
  }
  const line = document.createElement('span');
  line.className = 'line';
  const text = document.createElement('span');
  text.className = 'text';
  text.textContent = sentence.text;
  line.append(text);
  item.append(line);
  if (sentence.unconfirmed) {
    item.classList.add('unconfirmed');
    const mark = document.createElement('em');
    mark.dataset.i18n = 'unconfirmed';
    mark.textContent = texts().text('unconfirmed');
    line.append(' ', mark);
  }
  return item;
}

async function copyText(text) {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text);
      return;
    } catch {
      // Not allowed or not focused: use the old way.
    }
  }
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'sr-only';
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

function saveFile(name, type, content) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([content], { type: `${type};charset=utf-8` }));
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
