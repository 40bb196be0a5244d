/** One utterance over one WebSocket: configuration, audio, end, results. No DOM. */

const CONNECT_TIMEOUT_MS = 10_000;
const HIGH_WATER_BYTES = 1 << 20;
const POLL_MS = 20;

/** Why a connection ended, by close code. */
const CLOSE_KINDS = { 1001: 'goingAway', 1008: 'policy', 1009: 'tooBig', 1011: 'serverError', 1013: 'busy' };

/** The first frame of an utterance. */
export function configFrame({ mode, language, itn, hotwords, wavName, wavFormat }) {
  return {
    mode,
    wav_name: wavName,
    wav_format: wavFormat,
    audio_fs: 16000,
    chunk_size: [5, 10, 5],
    chunk_interval: 10,
    encoder_chunk_look_back: 4,
    decoder_chunk_look_back: 1,
    hotwords: JSON.stringify(hotwords),
    itn,
    svs_lang: language,
    is_speaking: true,
    // Whatever profile the listener has, this page reads results this way.
    compat: { is_final: 'session', final_text: 'tail', partial: 'delta', close_after_final: 'no' },
  };
}

export class Recognizer {
  #socket;
  #handlers;
  #early = []; // frames produced while the connection is being made
  #opened = false;
  #ending = false;
  #ended = false;
  #timer;

  /**
   * @param {string} url ws:// or wss:// address
   * @param {object} config see configFrame
   * @param {{onOpen: () => void, onMessage: (message: object) => void,
   *          onEnd: (outcome: {kind: string, reason?: string}) => void}} handlers
   * onEnd is called once; kinds: final, failed (the last message told the error), aborted,
   * badAddress, mixedContent, unreachable, lost, and the values of CLOSE_KINDS.
   */
  constructor(url, config, handlers) {
    this.#handlers = handlers;
    try {
      if (!url) throw new SyntaxError('no address'); // browsers would take the page's own
      this.#socket = new WebSocket(url);
    } catch (error) {
      const kind = error.name === 'SecurityError' ? 'mixedContent' : 'badAddress';
      queueMicrotask(() => this.#end({ kind }));
      return;
    }
    this.#socket.binaryType = 'arraybuffer';
    this.#timer = setTimeout(() => this.#end({ kind: 'unreachable' }), CONNECT_TIMEOUT_MS);
    this.#socket.onopen = () => this.#open(config);
    this.#socket.onmessage = ({ data }) => this.#receive(data);
    this.#socket.onclose = ({ code, reason }) => {
      const kind = this.#opened ? CLOSE_KINDS[code] ?? 'lost' : 'unreachable';
      this.#end({ kind, reason });
    };
  }

  get active() {
    return !this.#ended;
  }

  /** Bytes handed over but not yet sent to the network. */
  get backlog() {
    return this.#opened ? this.#socket.bufferedAmount : sizeOf(this.#early);
  }

  /** @param {ArrayBuffer} audio */
  send(audio) {
    if (this.#ended || this.#ending) return;
    if (this.#opened) this.#socket.send(audio);
    else this.#early.push(audio);
  }

  /** Resolves when more audio may be handed over, or when nothing more is wanted. */
  async room() {
    // Hidden tabs get rare timers: give the network more to do between two of them.
    const limit = () => HIGH_WATER_BYTES * (globalThis.document?.hidden ? 8 : 1);
    while (this.active && (!this.#opened || this.backlog > limit())) {
      await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
    }
  }

  /** Announces the end of the audio; the connection stays open until the final result. */
  finish() {
    if (this.#ended || this.#ending) return;
    this.#ending = true;
    if (this.#opened) this.#sendEnd();
  }

  /** Gives up at once. */
  abort() {
    this.#end({ kind: 'aborted' });
  }

  #open(config) {
    clearTimeout(this.#timer);
    this.#opened = true;
    this.#socket.send(JSON.stringify(config));
    this.#early.splice(0).forEach((frame) => this.#socket.send(frame));
    if (this.#ending) this.#sendEnd();
    this.#handlers.onOpen();
  }

  #sendEnd() {
    this.#socket.send(JSON.stringify({ is_speaking: false }));
  }

  #receive(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (this.#ended || message === null || typeof message !== 'object') return;
    this.#handlers.onMessage(message);
    // Before the end was announced only an error is the last word.
    if (message.is_final === true && (this.#ending || message.error_code)) {
      this.#end({ kind: message.error_code ? 'failed' : 'final' });
    }
  }

  #end(outcome) {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
    this.#handlers.onEnd(outcome);
  }
}

function sizeOf(frames) {
  return frames.reduce((sum, frame) => sum + frame.byteLength, 0);
}

/**
 * After a refused handshake, asks over HTTP why: browsers hide the status from WebSocket code.
 * @returns {Promise<{kind: 'busy'|'notReady'|'refused'|'unreachable', reason: string}>}
 */
export async function explainRefusal(url) {
  const probe = new URL('/readyz', url.replace(/^ws/, 'http'));
  const options = { cache: 'no-store', signal: AbortSignal.timeout?.(3000) };
  try {
    const response = await fetch(probe, options);
    const health = await response.json().catch(() => ({}));
    if (response.status === 503) return { kind: 'notReady', reason: String(health.state ?? '') };
    const full = health.connections >= health.max_connections;
    return { kind: full ? 'busy' : 'refused', reason: '' };
  } catch {
    // The answer may only be hidden from this page; that there was one tells enough.
    try {
      await fetch(probe, { ...options, mode: 'no-cors', signal: AbortSignal.timeout?.(3000) });
      return { kind: 'busy', reason: '' };
    } catch {
      return { kind: 'unreachable', reason: '' };
    }
  }
}
