/** Runs on the audio thread: microphone blocks -> 16 kHz mono s16le frames of 60 ms. */
import { Resampler, toInt16 } from './resampler.js';

const FRAME_SAMPLES = 960; // 60 ms at 16 kHz

class CaptureProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(sampleRate, 16000);
    this.frame = new Float32Array(FRAME_SAMPLES);
    this.filled = 0;
    this.running = true;
    this.port.onmessage = () => this.#stop();
  }

  process([channels]) {
    if (this.running && channels?.length) this.#collect(this.resampler.process(mix(channels)));
    return this.running;
  }

  #collect(samples) {
    for (let read = 0; read < samples.length;) {
      const count = Math.min(samples.length - read, FRAME_SAMPLES - this.filled);
      this.frame.set(samples.subarray(read, read + count), this.filled);
      this.filled += count;
      read += count;
      if (this.filled === FRAME_SAMPLES) this.#emit();
    }
  }

  #emit() {
    const samples = this.frame.subarray(0, this.filled);
    const energy = samples.reduce((sum, value) => sum + value * value, 0);
    const pcm = toInt16(samples).buffer;
    this.port.postMessage({ pcm, rms: Math.sqrt(energy / (this.filled || 1)) }, [pcm]);
    this.filled = 0;
  }

  #stop() {
    if (!this.running) return;
    this.#collect(this.resampler.flush());
    if (this.filled) this.#emit();
    this.running = false;
    this.port.postMessage({ done: true });
  }
}

function mix(channels) {
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, i) =>
    channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length);
}

registerProcessor('capture', CaptureProcessor);
