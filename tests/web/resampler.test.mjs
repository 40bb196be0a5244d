import assert from 'node:assert/strict';
import { test } from 'node:test';

const { Resampler, toInt16 } = await import(`${process.env.PAGE}/resampler.js`);

const tone = (hertz, rate, seconds = 0.5) =>
  Float32Array.from({ length: rate * seconds }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / rate));

function convert(input, rate, block = 128) {
  const resampler = new Resampler(rate);
  const parts = [];
  for (let i = 0; i < input.length; i += block) parts.push(...resampler.process(input.subarray(i, i + block)));
  return Float32Array.from([...parts, ...resampler.flush()]);
}

const rms = (samples) => Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
const decibel = (ratio) => 20 * Math.log10(ratio);

for (const rate of [8000, 22050, 44100, 48000, 96000]) {
  test(`${rate} Hz: a tone keeps its frequency, level and place`, () => {
    const output = convert(tone(1000, rate), rate);
    assert.ok(Math.abs(output.length - 8000) <= 1, `${output.length} samples`);
    const wanted = tone(1000, 16000);
    const error = output.subarray(200, 7800).map((x, i) => x - wanted[i + 200]);
    assert.ok(decibel(rms(error) / rms(wanted)) < -60);
  });
}

for (const rate of [44100, 48000]) {
  test(`${rate} Hz: what 16 kHz cannot hold is removed, not folded back`, () => {
    for (const hertz of [8600, 10000, 15000, 20000]) {
      const output = convert(tone(hertz, rate), rate).subarray(200, 7800);
      assert.ok(decibel(rms(output) / rms(tone(hertz, rate))) < -60, `${hertz} Hz`);
    }
  });
}

test('the output does not depend on the blocks', () => {
  const input = tone(440, 44100);
  const whole = convert(input, 44100, input.length);
  for (const block of [1, 7, 128, 1000]) assert.deepEqual(convert(input, 44100, block), whole);
});

test('16 kHz passes unchanged', () => {
  const input = tone(440, 16000);
  assert.deepEqual(convert(input, 16000), input);
});

test('samples are rounded and clipped', () => {
  assert.deepEqual([...toInt16(Float32Array.of(0, 0.5, -1, 1, 2, -2, NaN))],
    [0, 16384, -32768, 32767, 32767, -32768, 0]);
});
