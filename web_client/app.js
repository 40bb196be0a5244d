/** Wires controls, microphone, files and recogniser together. */
import { decode, formatOf, send } from './audiofile.js';
import { Microphone } from './microphone.js';
import { configFrame, explainRefusal, Recognizer } from './recognizer.js';
import * as settings from './settings.js';
import { Take } from './takes.js';
import {
  $, applyLanguage, currentMode, describeSettings, drawLevels, hideNotice, resetLevel,
  runNoticeAction, shortTime, showConnection, showLevel, showNotice, showProgress, showState,
  showTimer, switchLanguage, texts,
} from './view.js';

const BYTES_PER_MS = 32; // 16 kHz, 16 bit
const ERROR_NOTICES = {
  server_shutdown: 'goingAway', message_too_big: 'tooBig', internal_error: 'serverError',
};
const KEPT = new Set(['lost', 'goingAway', 'serverError', 'tooBig', 'policy', 'busy']);

/** What is going on now, or null. @type {Job|null} */
let job = null;
let takes = [];

/**
 * One utterance from start to final.
 * @typedef {{source: 'mic'|'file', state: string, server: string, take: Take,
 *   recognizer?: Recognizer, microphone?: Microphone, wakeLock?: WakeLockSentinel,
 *   stopSending: AbortController, shown: boolean, audioMs: number}} Job
 */

// ---- one utterance --------------------------------------------------------------------------

function begin(source, name, fileName) {
  hideNotice();
  showTimer(0);
  job = {
    source, server: settings.serverUrl($('#server-url').value, location), shown: false, audioMs: 0,
    take: new Take({ name, fileName, mode: currentMode(), language: $('#language').value }),
    stopSending: new AbortController(),
  };
  enter(job, 'starting');
  return job;
}

function enter(own, state) {
  own.state = state;
  if (own === job) showState(state, own.source);
}

function connect(own, wavName, wavFormat) {
  const config = configFrame({
    mode: currentMode(), language: $('#language').value, itn: $('#itn').checked,
    hotwords: settings.parseHotwords($('#hotwords').value), wavName, wavFormat,
  });
  showConnection('connecting');
  own.recognizer = new Recognizer(own.server, config, {
    onOpen: () => {
      showConnection(own.state === 'finishing' ? 'finishing' : 'open');
      reveal(own);
    },
    onMessage: (message) => {
      own.take.apply(message);
      if (message.error_code) showServerError(message);
    },
    onEnd: (outcome) => end(own, outcome),
  });
}

/** Shows the card of an utterance, once there is something to say about it. */
function reveal(own) {
  if (own.shown) return;
  own.shown = true;
  takes.push(own.take);
  showTakes();
}

/** No more audio; the final result is awaited. */
async function finish(own) {
  if (own.state !== 'running') return;
  enter(own, 'finishing');
  showConnection('finishing');
  own.stopSending.abort();
  await own.microphone?.stop();
  resetLevel();
  own.recognizer.finish();
}

/** Everything is over, for whatever reason. */
async function end(own, outcome) {
  if (own.state === 'over') return;
  own.state = 'over';
  own.stopSending.abort();
  own.microphone?.close();
  own.wakeLock?.release().catch(() => {});
  own.take.keepPartial();
  own.take.close(own.audioMs, outcome.kind === 'final');
  if (own !== job) return;
  job = null;
  resetLevel();
  showState('idle');
  if (outcome.kind === 'final') showConnection('done');
  else if (outcome.kind === 'failed') showConnection('error');
  else if (outcome.kind === 'aborted') showConnection('idle');
  else await report(own, outcome);
}

async function report(own, outcome) {
  showConnection(KEPT.has(outcome.kind) ? 'lost' : 'failed');
  const server = displayAddress(own.server);
  let { kind, reason = '' } = outcome;
  if (kind === 'unreachable') ({ kind, reason } = await explainRefusal(own.server));
  if (job) return; // the user has already started again
  if (kind === 'unreachable' && own.server.startsWith('wss:')) kind = 'unreachableTls';
  showNotice(kind, { server, reason, http: server.replace(/^ws/, 'http') });
}

function showServerError({ error_code: code, error_message: text }) {
  const message = String(text || code);
  const key = ERROR_NOTICES[code] ?? (texts().knows(String(code)) ? String(code) : 'recognition');
  showNotice(key, { message, reason: message });
}

/** Without path and query: a token must not appear on the screen. */
function displayAddress(url) {
  return url ? url.split('/').slice(0, 3).join('/') : '';
}

// ---- sources --------------------------------------------------------------------------------

async function startMicrophone() {
  const now = new Date();
  const time = now.toLocaleTimeString(texts().text('lang'), { hour12: false });
  const stamp = `${now.getFullYear()}-${pad(now.getMonth() + 1)}-${pad(now.getDate())}`
    + `-${pad(now.getHours())}${pad(now.getMinutes())}${pad(now.getSeconds())}`;
  const own = begin('mic', texts().text('recordingName', { time }), `recording-${stamp}`);
  try {
    own.microphone = await Microphone.open();
  } catch (error) {
    if (own === job) {
      end(own, { kind: 'aborted' });
      showMicrophoneProblem(error);
    }
    return;
  }
  if (own !== job) {
    own.microphone.close();
    return;
  }
  enter(own, 'running');
  connect(own, 'page_mic', 'pcm');
  navigator.wakeLock?.request('screen').then((lock) => {
    if (own === job) own.wakeLock = lock;
    else lock.release();
  }).catch(() => {});
  await own.microphone.start(
    (pcm, rms) => {
      own.recognizer.send(pcm);
      own.audioMs += pcm.byteLength / BYTES_PER_MS;
      if (own !== job) return;
      showLevel(rms);
      showTimer(own.audioMs);
    },
    () => {
      showNotice('micGone', {}, 'warning');
      finish(own);
    },
  );
}

function showMicrophoneProblem(error) {
  const secure = location.origin.replace(/^http:/, 'https:');
  const server = displayAddress(settings.serverUrl($('#server-url').value, location));
  const kind = error.key === 'insecure' ? 'warning' : 'error';
  showNotice(error.key ?? 'micFailed',
    { origin: location.origin, secure, server, detail: error.detail ?? error.message }, kind);
}

async function startFile(file) {
  if (job) {
    showNotice('running', {}, 'info');
    return;
  }
  if (file.size === 0) {
    showNotice('emptyFile', { name: file.name });
    return;
  }
  const raw = currentMode() === 'offline';
  const own = begin('file', file.name, file.name.replace(/\.[^.]*$/, '') || 'transcript');
  let audio = file;
  if (!raw) {
    try {
      audio = new Blob([await decode(file)]);
    } catch {
      if (own === job) {
        end(own, { kind: 'aborted' });
        showNotice('undecodable', { name: file.name });
      }
      return;
    }
    if (own !== job) return;
  }
  enter(own, 'running');
  connect(own, file.name, raw ? formatOf(file.name) : 'pcm');
  await send(own.recognizer, audio, own.stopSending.signal, (sent) => {
    if (own !== job) return;
    if (!raw) own.audioMs = sent / BYTES_PER_MS;
    if (!raw) showTimer(own.audioMs);
    showProgress(sent, audio.size, raw ? megabytes : (bytes) => shortTime(bytes / BYTES_PER_MS));
  });
  if (!raw && !own.stopSending.signal.aborted) own.audioMs = audio.size / BYTES_PER_MS;
  await finish(own);
}

const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
const pad = (value) => String(value).padStart(2, '0');

// ---- controls -------------------------------------------------------------------------------

function pressRecord() {
  if (!job) startMicrophone();
  else stop();
}

function stop() {
  if (job?.state === 'running') finish(job);
  else if (job?.recognizer) job.recognizer.abort();
  else if (job) end(job, { kind: 'aborted' });
}

function showTakes() {
  $('#takes').replaceChildren(...takes.map((take) => take.card));
  $('#empty').hidden = takes.length > 0;
  $('#clear').hidden = takes.length === 0;
}

function clearTakes() {
  const running = job?.shown ? [job.take] : [];
  const removed = takes.filter((take) => !running.includes(take));
  takes = running;
  showTakes();
  if (!removed.length) return;
  showNotice('cleared', {}, 'info', {
    label: 'undo',
    run: () => {
      takes = [...removed, ...takes];
      showTakes();
      hideNotice();
    },
  });
}

function bindDrop() {
  const overlay = $('#drop');
  const hasFile = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files');
  addEventListener('dragenter', (event) => { overlay.hidden = !hasFile(event); });
  addEventListener('dragover', (event) => { if (hasFile(event)) event.preventDefault(); });
  addEventListener('dragleave', (event) => { if (!event.relatedTarget) overlay.hidden = true; });
  addEventListener('drop', (event) => {
    overlay.hidden = true;
    if (!hasFile(event)) return;
    event.preventDefault();
    const [file] = event.dataTransfer.files;
    if (file) startFile(file);
  });
}

function bindSettings() {
  const stored = settings.load();
  const server = $('#server-url');
  if (stored.mode) for (const radio of document.getElementsByName('mode')) radio.checked = radio.value === stored.mode;
  if (stored.language) $('#language').value = stored.language;
  if ($('#language').selectedIndex < 0) $('#language').value = 'auto';
  if (typeof stored.itn === 'boolean') $('#itn').checked = stored.itn;
  $('#hotwords').value = stored.hotwords ?? '';
  server.value = stored.server || settings.defaultServer(location);
  const useDefault = () => settings.findServer(location).then((found) => {
    if (!settings.load().server) server.value = found;
  });
  if (!stored.server) useDefault();

  $('#settings').addEventListener('change', ({ target }) => {
    if (target === server) settings.save({ server: server.value.trim() });
    if (target.id === 'hotwords') settings.save({ hotwords: target.value });
    if (target.id === 'itn') settings.save({ itn: target.checked });
    if (target.id === 'language') settings.save({ language: target.value });
    if (target.name === 'mode') settings.save({ mode: target.value });
    describeSettings();
  });
  $('#server-reset').addEventListener('click', () => {
    settings.save({ server: '' });
    useDefault();
  });
}

function bind() {
  $('#record').addEventListener('click', pressRecord);
  $('#clear').addEventListener('click', clearTakes);
  $('#ui-language').addEventListener('click', switchLanguage);
  $('.notice-close').addEventListener('click', hideNotice);
  $('.notice-action').addEventListener('click', runNoticeAction);
  $('#file-input').addEventListener('change', ({ target }) => {
    const [file] = target.files;
    target.value = ''; // the same file may be chosen again
    if (file) startFile(file);
  });
  addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || event.isComposing) return; // Esc also cancels input methods
    if (job) stop();
    else hideNotice();
  });
  addEventListener('resize', drawLevels);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', drawLevels);
  const wide = matchMedia('(min-width: 60rem)');
  const unfold = () => { $('#settings').open = wide.matches; };
  wide.addEventListener('change', unfold);
  unfold();
}

$('#boot').remove();
bindSettings();
bind();
bindDrop();
applyLanguage();
drawLevels();
if (!isSecureContext) showMicrophoneProblem({ key: 'insecure' });
