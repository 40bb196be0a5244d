/**
 * Streaming sample-rate converter: windowed-sinc low-pass in polyphase form.
 * The output does not depend on how the input is divided into blocks.
 */

const ZERO_CROSSINGS = 16; // each side; about 80 dB of stop-band with the Kaiser window below
const KAISER_BETA = 8;
const ROLL_OFF = 0.92; // the transition band ends at the Nyquist frequency of the lower rate

function gcd(a, b) {
  return b ? gcd(b, a % b) : a;
}

/** Modified Bessel function of the first kind, order 0 (power series). */
function bessel0(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-12; k += 1) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

export class Resampler {
  /** @param {number} from input rate in Hz  @param {number} to output rate in Hz */
  constructor(from, to = 16000) {
    const divisor = gcd(Math.round(from), to);
    this.up = to / divisor;
    this.down = Math.round(from) / divisor;
    this.identity = this.up === this.down;
    if (this.identity) return;
    const cutoff = ROLL_OFF * Math.min(1, this.up / this.down);
    this.half = Math.ceil(ZERO_CROSSINGS / cutoff);
    this.kernels = Array.from({ length: this.up }, (_, phase) => this.#kernel(phase, cutoff));
    this.input = new Float32Array(this.half - 1); // silence before the first sample
    this.phase = 0; // position of the next output between two input samples, in 1/up
    this.index = this.half - 1; // input sample at or before the next output
  }

  /** Taps for inputs index-half+1 .. index+half of an output at index + phase/up. */
  #kernel(phase, cutoff) {
    const taps = new Float32Array(2 * this.half);
    const norm = bessel0(KAISER_BETA);
    let sum = 0;
    for (let i = 0; i < taps.length; i += 1) {
      const distance = phase / this.up + this.half - 1 - i;
      const x = Math.PI * cutoff * distance;
      const sinc = Math.abs(x) < 1e-9 ? 1 : Math.sin(x) / x;
      const edge = Math.max(0, 1 - (distance / this.half) ** 2);
      taps[i] = cutoff * sinc * (bessel0(KAISER_BETA * Math.sqrt(edge)) / norm);
      sum += taps[i];
    }
    return taps.map((tap) => tap / sum); // unity gain at 0 Hz for every phase
  }

  /** @param {Float32Array} block  @returns {Float32Array} what can be computed so far */
  process(block) {
    if (this.identity) return block.slice();
    const input = new Float32Array(this.input.length + block.length);
    input.set(this.input);
    input.set(block, this.input.length);
    const output = [];
    while (this.index + this.half < input.length) {
      const taps = this.kernels[this.phase];
      const first = this.index - this.half + 1;
      let sum = 0;
      for (let i = 0; i < taps.length; i += 1) sum += taps[i] * input[first + i];
      output.push(sum);
      this.phase += this.down;
      this.index += Math.floor(this.phase / this.up);
      this.phase %= this.up;
    }
    const used = Math.min(input.length, this.index - this.half + 1);
    this.input = input.slice(used);
    this.index -= used;
    return Float32Array.from(output);
  }

  /** The samples still held back by the filter, as if silence followed. */
  flush() {
    return this.identity ? new Float32Array(0) : this.process(new Float32Array(this.half));
  }
}

/** @param {Float32Array} samples in -1..1  @returns {Int16Array} rounded and clipped */
export function toInt16(samples) {
  return Int16Array.from(samples, (value) =>
    Math.max(-32768, Math.min(32767, Math.round(value * 32768))));
}
