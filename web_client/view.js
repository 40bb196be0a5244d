/** Everything that touches the document, except the wiring of events. */
import { chooseLanguage, translator } from './i18n.js';
import { load, save } from './settings.js';

export const $ = (selector, root = document) => root.querySelector(selector);

const LEVEL_BARS = 48;
const FLOOR_DB = -60;

let t = translator(chooseLanguage(navigator.languages ?? [navigator.language], load().ui));
/** The current translator. */
export const texts = () => t;

/** Shows ms as m:ss or h:mm:ss, with tenths where asked. */
export function shortTime(ms, tenths = false) {
  const total = Math.max(0, tenths ? Math.round(ms / 100) / 10 : Math.floor(ms / 1000));
  const hours = Math.floor(total / 3600);
  const minutes = String(Math.floor(total / 60) % 60).padStart(2, '0');
  const seconds = (total % 60).toFixed(tenths ? 1 : 0).padStart(tenths ? 4 : 2, '0');
  return `${hours ? `${hours}:` : ''}${minutes}:${seconds}`;
}

// ---- language -------------------------------------------------------------------------------

export function translate(root = document) {
  for (const node of root.querySelectorAll('[data-i18n]')) node.textContent = t.text(node.dataset.i18n);
  for (const node of root.querySelectorAll('[data-i18n-label]')) {
    node.setAttribute('aria-label', t.text(node.dataset.i18nLabel));
  }
  for (const node of root.querySelectorAll('[data-i18n-placeholder]')) {
    node.placeholder = t.text(node.dataset.i18nPlaceholder);
  }
}

/** Redraws all texts; `next` switches to the other language. */
export function applyLanguage(next = t.language) {
  t = translator(next);
  document.documentElement.lang = t.text('lang');
  document.title = t.text('title');
  translate();
  const button = $('#ui-language');
  button.textContent = t.text('other');
  button.lang = next === 'zh' ? 'en' : 'zh-CN';
  showState(state.name, state.source);
  showConnection(connection);
  if (shown) showNotice(shown.key, shown.values, shown.kind, shown.action);
  describeSettings();
}

export function switchLanguage() {
  const next = t.language === 'zh' ? 'en' : 'zh';
  save({ ui: next });
  applyLanguage(next);
}

// ---- notices --------------------------------------------------------------------------------

let shown = null;

/** Text with `code` parts as nodes; never parsed as HTML. */
function inline(text) {
  return text.split('`').map((part, i) => {
    if (i % 2 === 0) return document.createTextNode(part);
    const code = document.createElement('code');
    code.textContent = part;
    code.classList.toggle('short', part.length < 25);
    return code;
  });
}

function element(tag, text) {
  const node = document.createElement(tag);
  node.append(...inline(text));
  return node;
}

/** @param {'error'|'warning'|'info'} kind  @param {{label: string, run: () => void}} [action] */
export function showNotice(key, values = {}, kind = 'error', action = null) {
  shown = { key, values, kind, action };
  const [title, ...lines] = t.notice(key, values);
  const steps = lines.filter((line) => line.startsWith('- '));
  const body = $('.notice-body');
  body.replaceChildren(element('strong', title),
    ...lines.filter((line) => line && !line.startsWith('- ')).map((line) => element('p', line)));
  if (steps.length) {
    const list = document.createElement('ul');
    list.append(...steps.map((line) => element('li', line.slice(2))));
    body.append(list);
  }
  const button = $('.notice-action');
  button.hidden = !action;
  if (action) button.textContent = t.text(action.label);
  const box = $('#notice');
  box.dataset.kind = kind;
  box.dataset.key = key;
  box.hidden = false;
}

export function hideNotice() {
  shown = null;
  $('#notice').hidden = true;
}

export const runNoticeAction = () => shown?.action?.run();

// ---- recording panel ------------------------------------------------------------------------

let state = { name: 'idle', source: 'mic' };
let connection = 'idle';

/** @param {'idle'|'starting'|'running'|'finishing'} name  @param {'mic'|'file'} source */
export function showState(name, source = 'mic') {
  state = { name, source };
  const labels = { idle: 'start', starting: 'cancel', running: 'stop', finishing: 'finish' };
  const phases = {
    idle: '',
    starting: source === 'mic' ? 'asking' : 'decoding',
    running: source === 'mic' ? 'phaseRecording' : 'phaseSending',
    finishing: 'phaseFinishing',
  };
  const button = $('#record');
  button.dataset.state = name;
  button.setAttribute('aria-label', t.text(labels[name]));
  $('#record-label').textContent = t.text(labels[name]);
  $('#phase').textContent = phases[name] ? t.text(phases[name]) : '';
  document.body.dataset.state = name;
  $('#settings-fields').disabled = name !== 'idle';
  $('#file-input').disabled = name !== 'idle';
  if (name === 'idle') $('#progress-box').hidden = true;
}

export function showConnection(name) {
  connection = name;
  const pill = $('#connection');
  pill.dataset.state = name;
  $('span', pill).textContent = t.text(name);
}

export function showTimer(ms) {
  $('#timer').textContent = shortTime(ms);
}

export function showProgress(sent, total, format) {
  $('#progress-box').hidden = false;
  $('#progress').value = total ? sent / total : 0;
  const percent = Math.floor((100 * sent) / (total || 1));
  $('#progress-text').textContent = t.text('progressText', { percent, sent: format(sent), total: format(total) });
}

const levels = new Array(LEVEL_BARS).fill(0);

/** @param {number} rms of the newest frame; older ones move to the left */
export function showLevel(rms) {
  const level = Math.max(0, 1 - (20 * Math.log10(rms || 1e-6)) / FLOOR_DB);
  levels.push(Math.min(1, level) ** 1.5);
  levels.shift();
  $('#level').setAttribute('aria-valuenow', Math.round(levels.at(-1) * 100));
  $('#record').style.setProperty('--level', levels.at(-1).toFixed(2));
  drawLevels();
}

export function resetLevel() {
  levels.fill(0);
  $('#record').style.setProperty('--level', 0);
  $('#level').setAttribute('aria-valuenow', 0);
  drawLevels();
}

export function drawLevels() {
  const canvas = $('#level');
  const ratio = devicePixelRatio || 1;
  const width = Math.round(canvas.clientWidth * ratio);
  const height = Math.round(canvas.clientHeight * ratio);
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const brush = canvas.getContext('2d');
  brush.clearRect(0, 0, width, height);
  brush.fillStyle = getComputedStyle(canvas).color;
  const step = width / LEVEL_BARS;
  const bar = Math.max(2, step * 0.5);
  levels.forEach((level, i) => {
    const size = Math.max(bar, level * height);
    brush.globalAlpha = level ? 0.45 + 0.55 * (i / LEVEL_BARS) : 0.3;
    brush.beginPath();
    brush.roundRect(i * step + (step - bar) / 2, (height - size) / 2, bar, size, bar / 2);
    brush.fill();
  });
}

// ---- settings -------------------------------------------------------------------------------

export const currentMode = () => $('input[name=mode]:checked').value;

export function describeSettings() {
  const names = { '2pass': 'mode2pass', offline: 'modeOffline', online: 'modeOnline' };
  const hints = { '2pass': 'hint2pass', offline: 'hintOffline', online: 'hintOnline' };
  $('#mode-hint').textContent = t.text(hints[currentMode()]);
  const language = $('#language');
  $('#settings-brief').textContent =
    `${t.text(names[currentMode()])} · ${language.options[language.selectedIndex].text}`;
}
