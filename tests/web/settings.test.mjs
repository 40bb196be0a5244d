import assert from 'node:assert/strict';
import { test } from 'node:test';

const { defaultServer, parseHotwords, serverUrl } = await import(`${process.env.PAGE}/settings.js`);
const { chooseLanguage, missingKeys, translator } = await import(`${process.env.PAGE}/i18n.js`);
const { formatOf } = await import(`${process.env.PAGE}/audiofile.js`);

test('the server that belongs to the page', () => {
  const cases = {
    'http://localhost:8000/': 'ws://localhost:10095',
    'http://10.1.2.3:8000/index.html': 'ws://10.1.2.3:10095',
    'http://localhost:10095/': 'ws://localhost:10095',
    'https://asr.example.com/': 'wss://asr.example.com',
    'https://example.com/asr/index.html': 'wss://example.com/asr',
    'https://[::1]:8000/': 'wss://[::1]:10095',
  };
  for (const [page, server] of Object.entries(cases)) assert.equal(defaultServer(new URL(page)), server);
  assert.equal(defaultServer(new URL('http://localhost:8123/'), true), 'ws://localhost:10095');
});

test('what people type becomes an address', () => {
  const page = new URL('http://localhost:8000/');
  assert.equal(serverUrl(' 10.0.0.5:10095 ', page), 'ws://10.0.0.5:10095/');
  assert.equal(serverUrl('localhost:10095', page), 'ws://localhost:10095/');
  assert.equal(serverUrl('asr.example.com', new URL('https://x/')), 'wss://asr.example.com/');
  assert.equal(serverUrl('https://a:1/x?token=k#h', page), 'wss://a:1/x?token=k');
  for (const bad of ['', 'ftp://a', 'ws://', 'ws://a b', 'ws://a:99999']) assert.equal(serverUrl(bad, page), '', bad);
});

test('hotwords', () => {
  assert.deepEqual(parseHotwords('阿里巴巴 30\n达摩院，通义;\n Ada Lovelace 15 \n\nGPT 4o\n42'),
    { 阿里巴巴: 30, 达摩院: 20, 通义: 20, 'Ada Lovelace': 15, 'GPT 4o': 20, 42: 20 });
  assert.deepEqual(parseHotwords(' \n,'), {});
});

test('file formats', () => {
  const names = { 'a.WAV': 'wav', 'x.y.mp3': 'mp3', 'a.pcm': 'pcm', 'b.RAW': 'pcm', noext: 'others', 'a.': 'others' };
  for (const [name, format] of Object.entries(names)) assert.equal(formatOf(name), format);
});

test('language follows the browser unless one was chosen', () => {
  assert.equal(chooseLanguage(['zh-TW', 'en']), 'zh');
  assert.equal(chooseLanguage(['fr', 'en-GB', 'zh']), 'en');
  assert.equal(chooseLanguage(['fr']), 'en');
  assert.equal(chooseLanguage(['zh'], 'en'), 'en');
});

test('both languages have every text, and fill in values', () => {
  assert.deepEqual(missingKeys(), []);
  const { notice } = translator('en');
  assert.equal(notice('unreachable', { server: 'ws://a:1' })[0], 'Cannot connect to ws://a:1');
});
