/** Audio files: decoding in the browser, and sending at the speed the server reads. */
import { toInt16 } from './resampler.js';

const RATE = 16000;
const CHUNK_BYTES = 64 * 1024;
const POLL_MS = 50;
const PCM_EXTENSIONS = new Set(['pcm', 'raw']);

/** Lower-case extension; "others" lets the server look at the bytes alone. */
export function formatOf(name) {
  const extension = /\.([A-Za-z0-9]{1,8})$/.exec(name)?.[1].toLowerCase();
  if (!extension) return 'others';
  return PCM_EXTENSIONS.has(extension) ? 'pcm' : extension;
}

/** @param {File} file  @returns {Promise<ArrayBuffer>} 16 kHz mono s16le; rejects if undecodable */
export async function decode(file) {
  const bytes = await file.arrayBuffer();
  if (formatOf(file.name) === 'pcm') return bytes;
  // Decoding in a context of 16 kHz makes the browser resample.
  const audio = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(bytes);
  return toInt16(mixDown(audio)).buffer;
}

function mixDown(audio) {
  const mono = audio.getChannelData(0);
  for (let channel = 1; channel < audio.numberOfChannels; channel += 1) {
    audio.getChannelData(channel).forEach((value, i) => { mono[i] += value; });
  }
  if (audio.numberOfChannels === 1) return mono;
  return mono.map((value) => value / audio.numberOfChannels);
}

/**
 * Sends a Blob as it is, never far ahead of the network.
 * @param {import('./recognizer.js').Recognizer} recognizer
 * @param {Blob} blob
 * @param {AbortSignal} signal stops between two chunks
 * @param {(sentBytes: number) => void} onProgress
 */
export async function send(recognizer, blob, signal, onProgress) {
  for (let start = 0; start < blob.size; start += CHUNK_BYTES) {
    await recognizer.room();
    if (signal.aborted || !recognizer.active) return;
    const end = Math.min(blob.size, start + CHUNK_BYTES);
    recognizer.send(await blob.slice(start, end).arrayBuffer());
    onProgress(Math.max(0, end - recognizer.backlog));
  }
  while (recognizer.active && !signal.aborted && recognizer.backlog > 0) {
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
    onProgress(Math.max(0, blob.size - recognizer.backlog));
  }
}
