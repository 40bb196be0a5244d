import assert from 'node:assert/strict';
import { test } from 'node:test';

const { Transcript, align, sentencesOf } = await import(`${process.env.PAGE}/transcript.js`);

const partial = (text) => ({ mode: '2pass-online', text, wav_name: 'a', is_final: false });
const sentence = (text, more = {}) => ({ mode: '2pass-offline', text, wav_name: 'a', is_final: false, ...more });
const clause = (segment, punc, start, end, pairs = []) => ({ text_seg: segment, punc, start, end, ts_list: pairs });

test('deltas are appended and replaced by the sentence', () => {
  const transcript = new Transcript();
  transcript.apply(partial('今天'));
  transcript.apply(partial('天汽'));
  assert.equal(transcript.partial, '今天天汽');
  const added = transcript.apply(sentence('今天天气很好。', { start_time: 430, end_time: 1810 }));
  assert.equal(transcript.partial, '');
  assert.deepEqual(added, [{ text: '今天天气很好。', start: 430, end: 1810, words: [] }]);
});

test('an empty sentence takes the partial away and adds nothing', () => {
  const transcript = new Transcript();
  transcript.apply(partial('嗯'));
  assert.deepEqual(transcript.apply(sentence('', { is_final: true })), []);
  assert.equal(transcript.partial, '');
  assert.equal(transcript.sentences.length, 0);
});

test('an error leaves the partial to be kept as unconfirmed', () => {
  const transcript = new Transcript();
  transcript.apply(partial('我们一起'));
  transcript.apply(sentence('', { is_final: true, error_code: 'internal_error' }));
  assert.deepEqual(transcript.keepPartial().map((s) => [s.text, s.unconfirmed]), [['我们一起', true]]);
  assert.deepEqual(transcript.keepPartial(), []);
});

test('native streaming: the final completes the partial', () => {
  const transcript = new Transcript();
  transcript.apply({ mode: 'online', text: 'good ', is_final: false });
  transcript.apply({ mode: 'online', text: 'morning', is_final: true });
  assert.deepEqual(transcript.sentences.map((s) => s.text), ['good morning']);
});

test('events and acknowledgements are no text', () => {
  const transcript = new Transcript();
  transcript.apply(partial('一'));
  transcript.apply({ mode: 'vad', event: 'speech_end', text: '', is_final: false });
  transcript.apply({ mode: '2pass', text: '', is_final: true, is_end: true });
  transcript.apply({ mode: '2pass-offline', text: null });
  assert.equal(transcript.partial, '一');
});

test('clauses are joined to one sentence with all word times', () => {
  const [only, ...rest] = sentencesOf(sentence('天气好，出发。', {
    stamp_sents: [
      clause('天 气 好', '，', 100, 700, [[100, 300], [300, 500], [500, 700]]),
      clause('出 发', '。', 800, 1200, [[800, 1000], [1000, 1200]]),
    ],
    start_time: 60, end_time: 1300,
  }));
  assert.deepEqual(rest, []);
  assert.deepEqual([only.text, only.start, only.end], ['天气好，出发。', 60, 1300]);
  assert.deepEqual(only.words.map((w) => [w.text, w.start, w.from, w.to]), [
    ['天', 100, 0, 1], ['气', 300, 1, 2], ['好', 500, 2, 3], ['出', 800, 4, 5], ['发', 1000, 5, 6],
  ]);
});

test('an offline result is divided at sentence ends, brackets and spaces where they belong', () => {
  const result = sentencesOf({
    mode: 'offline', text: '他走了。“好吧”，我说。 Good morning, all.', is_final: true,
    stamp_sents: [
      clause('他 走 了', '。', 0, 900),
      clause('好 吧', '”，', 1000, 1500), clause('我 说', '。', 1600, 2000),
      clause('Good morning', ',', 2200, 2900), clause('all', '.', 3000, 3300),
    ],
  });
  assert.deepEqual(result.map((s) => [s.text, s.start, s.end]), [
    ['他走了。', 0, 900], ['“好吧”，我说。', 1000, 2000], ['Good morning, all.', 2200, 3300],
  ]);
});

test('no punctuation or a long pause ends a sentence too', () => {
  const result = sentencesOf({
    text: '你好 我想问，发货了吗',
    stamp_sents: [clause('你 好', '', 0, 500), clause('我 想 问', '，', 600, 1000), clause('发 货 了 吗', '', 5000, 6000)],
  });
  assert.deepEqual(result.map((s) => s.text), ['你好', '我想问，', '发货了吗']);
});

test('entries that do not spell the text still give its times', () => {
  const stamps = [clause('一 百 二 十 三 元', '。', 10, 90), clause('good bye', '.', 100, 200)];
  assert.deepEqual(sentencesOf({ text: '123元。 Good bye.', stamp_sents: stamps.slice(0, 1) })[0],
    { text: '123元。 Good bye.', start: 10, end: 90, words: [] });
  assert.deepEqual(sentencesOf({ text: '123元。 Good bye.', stamp_sents: stamps }).map((s) => s.text),
    ['一百二十三元。', 'good bye.']);
});

test('damaged stamps are ignored', () => {
  for (const stamps of ['', null, [null], [{}], [{ text_seg: 5, ts_list: 'x', start: -1 }]]) {
    const [only] = sentencesOf({ text: '好。', stamp_sents: stamps, start_time: -1 });
    assert.deepEqual([only.text, only.start], ['好。', null]);
  }
});

test('tokens are found in the text without regard to case and marks', () => {
  const words = align('“GPT-4” costs $5.', [{ text: 'gpt-4' }, { text: 'costs' }, { text: '$5' }]);
  assert.deepEqual(words.map((w) => [w.from, w.to]), [[1, 6], [8, 13], [15, 16]]);
  assert.equal(align('abc', [{ text: 'abd' }]), null);
  assert.equal(align('abc d', [{ text: 'abc' }]), null);
});
