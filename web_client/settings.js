/** What the user chose: defaults, storage, and reading of free-form fields. */

const KEY = 'funasr-page';
const PAGE_PORT = '8000'; // serve_client.py; every other port is taken for the recognition server
const SERVER_PORT = 10095;
const DEFAULT_WEIGHT = 20;

export function load() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; // storage switched off or damaged
  }
}

export function save(changes) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...load(), ...changes }));
  } catch {
    // Private windows may forbid storage; the page works without.
  }
}

const isStandalone = (location) => location.port === PAGE_PORT;

/** Recognition server that most likely belongs to this page. */
export function defaultServer(location, standalone = isStandalone(location)) {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  if (standalone) return `${scheme}//${location.hostname || 'localhost'}:${SERVER_PORT}`;
  const folder = location.pathname.replace(/[^/]*$/, '').replace(/\/$/, '');
  return `${scheme}//${location.host}${folder}`;
}

/** Like defaultServer, but asks the origin whether it really is a recognition server. */
export async function findServer(location) {
  if (isStandalone(location)) return defaultServer(location);
  const response = await fetch('healthz', { cache: 'no-store' }).catch(() => null);
  return defaultServer(location, response?.status === 404);
}

/** Completes what was typed to a ws:// or wss:// address; "" if it cannot be one. */
export function serverUrl(typed, location) {
  let text = typed.trim().replace(/^http(s?):\/\//i, 'ws$1://');
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    text = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${text}`;
  }
  try {
    const url = new URL(text);
    url.hash = '';
    // Some browsers escape what cannot stand in a host name instead of refusing it.
    return /^wss?:$/.test(url.protocol) && /^[^%]+$/.test(url.hostname) ? url.href : '';
  } catch {
    return '';
  }
}

/** "阿里巴巴 20" a line (or separated by commas) -> {"阿里巴巴": 20} */
export function parseHotwords(text) {
  const entries = text.split(/[\n,，;；、]/).map((item) => item.trim()).filter(Boolean).map((item) => {
    const weighted = /^(.*\S)\s+(\d{1,4})$/.exec(item);
    return weighted ? [weighted[1], Number(weighted[2])] : [item, DEFAULT_WEIGHT];
  });
  return Object.fromEntries(entries);
}
