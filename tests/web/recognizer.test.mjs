import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

const { Recognizer, configFrame, explainRefusal } = await import(`${process.env.PAGE}/recognizer.js`);

class FakeSocket {
  static last;
  sent = [];
  bufferedAmount = 0;
  closed = null;

  constructor(url) {
    if (url === 'bad') throw new DOMException('', 'SyntaxError');
    if (url === 'mixed') throw new DOMException('', 'SecurityError');
    FakeSocket.last = this;
  }

  send(data) { this.sent.push(data); }
  close(code) { this.closed = code; }
  say(message) { this.onmessage({ data: typeof message === 'string' ? message : JSON.stringify(message) }); }
}

const original = { WebSocket: globalThis.WebSocket, fetch: globalThis.fetch };
beforeEach(() => { globalThis.WebSocket = FakeSocket; });
afterEach(() => Object.assign(globalThis, original));

function start(url = 'ws://x') {
  const log = { messages: [], ends: [], opens: 0 };
  const recognizer = new Recognizer(url, { mode: '2pass' }, {
    onOpen: () => { log.opens += 1; },
    onMessage: (message) => log.messages.push(message),
    onEnd: (outcome) => log.ends.push(outcome.kind),
  });
  return { recognizer, socket: FakeSocket.last, log };
}

test('the first frame names the settings and never the replaced page', () => {
  const config = configFrame({
    mode: '2pass', language: 'zh', itn: false, hotwords: { 达摩院: 20 }, wavName: 'page_mic', wavFormat: 'pcm',
  });
  assert.deepEqual(config.chunk_size, [5, 10, 5]);
  assert.deepEqual([config.mode, config.svs_lang, config.itn, config.audio_fs], ['2pass', 'zh', false, 16000]);
  assert.deepEqual(JSON.parse(config.hotwords), { 达摩院: 20 });
  assert.notEqual(config.wav_name, 'web_mic');
});

test('audio recorded while connecting follows the configuration', () => {
  const { recognizer, socket, log } = start();
  const frame = new ArrayBuffer(1920);
  recognizer.send(frame);
  recognizer.finish();
  assert.equal(recognizer.backlog, 1920);
  assert.deepEqual(socket.sent, []);
  socket.onopen();
  assert.deepEqual(socket.sent, ['{"mode":"2pass"}', frame, '{"is_speaking":false}']);
  assert.equal(log.opens, 1);
  recognizer.abort();
});

test('is_final ends the utterance only after the end was announced', () => {
  const { recognizer, socket, log } = start();
  socket.onopen();
  socket.say({ mode: '2pass-offline', text: '一', is_final: true });
  assert.deepEqual(log.ends, []);
  recognizer.finish();
  recognizer.finish();
  recognizer.send(new ArrayBuffer(2));
  assert.equal(socket.sent.length, 2);
  socket.say({ mode: '2pass-offline', text: '二', is_final: true });
  assert.deepEqual(log.ends, ['final']);
  assert.equal(socket.closed, 1000);
  socket.onclose({ code: 1006 });
  socket.say({ text: '三' });
  assert.equal(log.messages.length, 2);
  assert.deepEqual(log.ends, ['final']);
});

test('an error is the last word at any time', () => {
  const { socket, log } = start();
  socket.onopen();
  socket.say({ mode: '2pass-offline', text: '', is_final: true, error_code: 'audio_too_long' });
  assert.deepEqual(log.ends, ['failed']);
});

test('text that is no object is ignored', () => {
  const { recognizer, socket, log } = start();
  socket.onopen();
  ['', 'x', '5', 'null'].forEach((text) => socket.say(text));
  assert.deepEqual(log.messages, []);
  recognizer.abort();
});

test('the end of a connection is explained by its code', () => {
  const kinds = { 1000: 'lost', 1001: 'goingAway', 1006: 'lost', 1009: 'tooBig', 1011: 'serverError', 1013: 'busy' };
  for (const [code, kind] of Object.entries(kinds)) {
    const { socket, log } = start();
    socket.onopen();
    socket.onclose({ code: Number(code), reason: '' });
    assert.deepEqual(log.ends, [kind]);
  }
  const { socket, log } = start();
  socket.onclose({ code: 1006 });
  assert.deepEqual(log.ends, ['unreachable']);
});

test('addresses that cannot be opened', async () => {
  const bad = start('bad').log;
  const empty = start('').log;
  const mixed = start('mixed').log;
  await Promise.resolve();
  assert.deepEqual([bad.ends, empty.ends, mixed.ends], [['badAddress'], ['badAddress'], ['mixedContent']]);
});

test('a refused handshake is explained by the health check', async () => {
  const answers = [
    [async () => new Response('{"ready":false,"state":"loading models"}', { status: 503 }), 'notReady'],
    [async () => new Response('{"ready":true,"connections":200,"max_connections":200}'), 'busy'],
    [async () => new Response('{"ready":true,"connections":1,"max_connections":200}'), 'refused'],
    [async (_, { mode }) => { if (mode !== 'no-cors') throw new TypeError(); return Response.error(); }, 'busy'],
    [async () => { throw new TypeError(); }, 'unreachable'],
  ];
  for (const [fetch, kind] of answers) {
    globalThis.fetch = (url, options) => {
      assert.equal(url.href, 'https://asr.test:1/readyz');
      return fetch(url, options);
    };
    assert.equal((await explainRefusal('wss://asr.test:1/path?token=k')).kind, kind);
  }
});
