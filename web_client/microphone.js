/** Microphone capture: permission, audio graph, frames. */

const FLUSH_TIMEOUT_MS = 500; // the audio thread may be suspended and never answer

/** A problem the user can act on; `key` names a text in i18n.js. */
export class MicrophoneError extends Error {
  constructor(key, detail = '') {
    super(detail || key);
    this.key = key;
    this.detail = detail;
  }
}

const REASONS = {
  NotAllowedError: 'micDenied',
  SecurityError: 'micDenied',
  NotFoundError: 'micMissing',
  OverconstrainedError: 'micMissing',
  NotReadableError: 'micInUse',
  AbortError: 'micInUse',
};

export class Microphone {
  #stream;
  #context;
  #node;
  #source;
  #flushed;

  /** Asks for permission and builds the audio graph; throws MicrophoneError. */
  static async open() {
    if (!globalThis.isSecureContext) throw new MicrophoneError('insecure');
    if (!navigator.mediaDevices?.getUserMedia || !globalThis.AudioWorkletNode) {
      throw new MicrophoneError('micUnsupported');
    }
    const microphone = new Microphone();
    try {
      microphone.#stream = await navigator.mediaDevices.getUserMedia({
        // Speech models are trained on unprocessed sound; only the level is helped.
        audio: { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: true },
      });
      await microphone.#build();
    } catch (error) {
      await microphone.close();
      throw new MicrophoneError(REASONS[error.name] ?? 'micFailed', error.message || error.name);
    }
    return microphone;
  }

  async #build() {
    try {
      this.#context = new AudioContext({ sampleRate: 16000 });
      this.#source = this.#context.createMediaStreamSource(this.#stream);
    } catch {
      // Some browsers cannot connect a microphone to a context of another rate.
      await this.#context?.close();
      this.#context = new AudioContext();
      this.#source = this.#context.createMediaStreamSource(this.#stream);
    }
    await this.#context.audioWorklet.addModule(new URL('audio-worklet.js', import.meta.url));
    this.#node = new AudioWorkletNode(this.#context, 'capture', { numberOfOutputs: 0 });
  }

  /**
   * @param {(pcm: ArrayBuffer, rms: number) => void} onFrame 60 ms of 16 kHz s16le
   * @param {() => void} onEnded the device went away
   */
  async start(onFrame, onEnded) {
    this.#flushed = new Promise((resolve) => {
      this.#node.port.onmessage = ({ data }) => (data.done ? resolve() : onFrame(data.pcm, data.rms));
    });
    this.#stream.getAudioTracks()[0].addEventListener('ended', onEnded);
    // A phone call suspends the context on some phones; go on when it is over.
    const context = this.#context;
    context.addEventListener('statechange', () => {
      if (context.state !== 'closed' && context.state !== 'running') context.resume().catch(() => {});
    });
    this.#source.connect(this.#node);
    await context.resume().catch(() => {}); // rejected when closed meanwhile
  }

  /** Delivers the last, shorter frame and lets go of the device. */
  async stop() {
    this.#node.port.postMessage('stop');
    await Promise.race([
      this.#flushed,
      new Promise((resolve) => { setTimeout(resolve, FLUSH_TIMEOUT_MS); }),
    ]);
    await this.close();
  }

  async close() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    const context = this.#context;
    this.#context = null; // a context may be closed only once
    if (context && context.state !== 'closed') await context.close();
  }
}
