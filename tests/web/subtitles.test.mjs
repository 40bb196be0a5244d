import assert from 'node:assert/strict';
import { test } from 'node:test';

const { clockTime, cues, toJson, toSrt, toTxt, toVtt } = await import(`${process.env.PAGE}/subtitles.js`);

const sentence = (text, start, end, words = []) => ({ text, start, end, words });

/** Every character that is a letter takes 200 ms. */
function spoken(text, start) {
  const words = [...text.matchAll(/[\u4e00-\u9fff]|[A-Za-z]+/g)].map((match, i) => ({
    text: match[0], from: match.index, to: match.index + match[0].length,
    start: start + 200 * i, end: start + 200 * (i + 1),
  }));
  return sentence(text, start, words.at(-1).end, words);
}

test('clock', () => {
  assert.equal(clockTime(0, ','), '00:00:00,000');
  assert.equal(clockTime(3_723_004, '.'), '01:02:03.004');
});

test('a short sentence is one cue', () => {
  assert.equal(toSrt([sentence('你好。', 1713, 4438)]), '1\n00:00:01,713 --> 00:00:04,438\n你好。\n');
});

test('subtitles are empty but valid without sentences', () => {
  assert.equal(toSrt([]), '');
  assert.equal(toVtt([]), 'WEBVTT\n');
});

test('a long sentence is divided at punctuation, at the times of its words', () => {
  const text = '今天天气很好我们一起去公园散步吧因为明天可能会下雨，'
    + '所以最好带上雨伞再穿一件外套免得路上着凉还要去看医生。';
  const result = cues([spoken(text, 1000)]);
  assert.equal(result.length, 2);
  assert.match(result[0].text, /，$/);
  assert.equal(result[0].end, 1000 + 200 * 25);
  assert.equal(result[1].start, result[0].end);
  assert.equal(result[1].end, 1000 + 200 * 51);
  assert.equal(result.map((cue) => cue.text.replaceAll('\n', '')).join(''), text);
});

test('cues stay readable whatever the length', () => {
  const chinese = '他们说了很多很多话但是没有一个标点符号'.repeat(12);
  const english = `${'someone talked for a very long time without any pause '.repeat(12).trim()}.`;
  for (const text of [chinese, english]) {
    const timed = spoken(text, 500);
    for (const input of [timed, { ...timed, words: [] }]) {
      const result = cues([input]);
      assert.ok(result.length > 4);
      for (const [i, cue] of result.entries()) {
        const lines = cue.text.split('\n');
        assert.ok(lines.length <= 2);
        for (const line of lines) assert.ok([...line].reduce((n, c) => n + (c > '\u2e80' ? 2 : 1), 0) <= 42, line);
        assert.ok(cue.end > cue.start && cue.end - cue.start <= 7000);
        if (i) assert.ok(cue.start >= result[i - 1].end);
      }
      assert.equal(result[0].start, 500);
      assert.equal(result.map((cue) => cue.text).join('\n').replace(/\s/g, ''), text.replace(/\s/g, ''));
    }
  }
});

test('a quotation mark does not end a cue', () => {
  const text = `${'他对我们所有人都非常认真地说道'.repeat(3)}“${'请你们明天早上八点准时到'.repeat(3)}”`;
  assert.ok(cues([spoken(text, 0)]).every((cue) => !/“$/m.test(cue.text)));
});

test('unknown and overlapping times still give ordered cues', () => {
  const result = cues([
    sentence('没有时间的句子。', null, null), sentence('第二句。', 500, 2000), sentence('重叠。', 1500, 1600),
  ]);
  result.forEach((cue, i) => assert.ok(cue.start < cue.end && (i === 0 || result[i - 1].end <= cue.start)));
});

test('markup in the text stays text', () => {
  const tricky = [sentence('a <b> & --> {\\an8}', 0, 1000)];
  assert.match(toVtt(tricky), /^WEBVTT\n\n00:00:00\.000 --> 00:00:01\.000\na &lt;b&gt; &amp; --&gt; /);
  assert.match(toSrt(tricky), /\na ＜b> & -> ｛\\an8\}\n$/);
});

test('text and JSON', () => {
  const list = [sentence('Hello.', 0, 400, [{ text: 'Hello', start: 0, end: 400, from: 0, to: 5 }]),
    sentence('World', null, null), { ...sentence('你好', 500, 900), unconfirmed: true }];
  assert.equal(toTxt(list), 'Hello.\nWorld\n你好\n');
  const document = JSON.parse(toJson(list, { name: 'a.wav', duration_ms: 900 }));
  assert.equal(document.name, 'a.wav');
  assert.equal(document.text, 'Hello. World你好');
  assert.deepEqual(document.sentences[0], {
    index: 0, text: 'Hello.', start_ms: 0, end_ms: 400, words: [{ text: 'Hello', start_ms: 0, end_ms: 400 }],
  });
  assert.equal(document.sentences[2].unconfirmed, true);
});
