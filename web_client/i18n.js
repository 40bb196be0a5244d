/** Page texts in Chinese and English. `backticks` mark what is to be typed or opened. */

const zh = {
  lang: 'zh-CN', other: 'English', title: '语音识别', skip: '跳到录音按钮', close: '关闭',
  dock: '录音', level: '麦克风音量', progress: '上传进度',
  start: '开始录音', stop: '停止', finish: '正在收尾，再按一次立即结束', cancel: '取消', asking: '等待麦克风…',
  decoding: '正在读取文件…', phaseRecording: '录音中', phaseSending: '转写中', phaseFinishing: '正在收尾…',
  chooseFile: '选择音频文件', dropHint: '也可以把文件拖到页面任何位置；按 Esc 停止', dropHere: '松开鼠标，开始转写',
  settings: '设置', mode: '识别模式', mode2pass: '实时校正', modeOffline: '离线', modeOnline: '仅实时',
  hint2pass: '边说边出字，每句说完后再校正一遍（2pass）', hintOffline: '全部说完后一次给出结果；文件原样上传，不限浏览器能否解码（offline）',
  hintOnline: '以最快的实时结果为主；服务器可能仍会逐句校正（online）',
  language: '语言', langAuto: '自动识别', langZh: '普通话', langEn: '英语', langYue: '粤语', langJa: '日语', langKo: '韩语',
  itn: '数字规整', itnHint: '“二十六度”写成“26度”',
  hotwords: '热词', hotwordsExample: '阿里巴巴 20\n达摩院', hotwordsHint: '每行一个，末尾可写权重',
  server: '服务器地址', serverHint: '音频只发送到这个地址', serverReset: '恢复默认地址',
  transcript: '识别结果', clear: '清空', empty1: '按下麦克风开始说话，文字会实时出现在这里',
  empty2: '也可以选择音频或视频文件，转写后下载字幕', copy: '复制', copied: '已复制', download: '下载',
  recordingName: '录音 {time}', unconfirmed: '未确认', nothingHeard: '没有识别到语音。', undo: '撤销',
  idle: '未连接', connecting: '正在连接', open: '已连接', finishing: '正在收尾', done: '已完成', lost: '连接中断', failed: '连接失败', error: '识别出错',
  progressText: '{percent}% · {sent} / {total}',
};

const en = {
  lang: 'en', other: '中文', title: 'Speech to text', skip: 'Skip to the record button', close: 'Close',
  dock: 'Recording', level: 'Microphone level', progress: 'Upload progress',
  start: 'Start recording', stop: 'Stop', finish: 'Finishing, press again to end now', cancel: 'Cancel', asking: 'Waiting for the microphone…',
  decoding: 'Reading the file…', phaseRecording: 'Recording', phaseSending: 'Transcribing', phaseFinishing: 'Finishing…',
  chooseFile: 'Choose an audio file', dropHint: 'or drop one anywhere. Esc stops.', dropHere: 'Drop to transcribe',
  settings: 'Settings', mode: 'Mode', mode2pass: 'Live + refine', modeOffline: 'Offline', modeOnline: 'Live only',
  hint2pass: 'Text while you speak; every sentence is corrected once it ends (2pass).',
  hintOffline: 'One result at the end. Files are uploaded as they are, whatever the browser can decode (offline).',
  hintOnline: 'Fastest live text first; the server may still correct sentences (online).',
  language: 'Language', langAuto: 'Detect', langZh: 'Mandarin', langEn: 'English', langYue: 'Cantonese', langJa: 'Japanese', langKo: 'Korean',
  itn: 'Format numbers', itnHint: '“twenty-six” becomes “26”',
  hotwords: 'Hotwords', hotwordsExample: 'Alibaba 20\nDAMO Academy', hotwordsHint: 'One a line, with a weight at the end if you like.',
  server: 'Server address', serverHint: 'Audio goes to this address only.', serverReset: 'Back to the default address',
  transcript: 'Transcript', clear: 'Clear', empty1: 'Press the microphone and speak. Text appears here as you talk.',
  empty2: 'Or choose an audio or video file and download its subtitles.', copy: 'Copy', copied: 'Copied', download: 'Download',
  recordingName: 'Recording {time}', unconfirmed: 'unconfirmed', nothingHeard: 'No speech was recognised.', undo: 'Undo',
  idle: 'Not connected', connecting: 'Connecting', open: 'Connected', finishing: 'Finishing', done: 'Done', lost: 'Connection lost', failed: 'Not connected', error: 'Failed',
  progressText: '{percent}% · {sent} of {total}',
};

/** Notices: title, then lines; a line that starts with "- " is a step. */
const noticesZh = {
  insecure: ['此页面不能使用麦克风', '浏览器只允许安全页面录音，而 `{origin}` 不是。上传文件不受影响。任选一种办法：',
    '- 在本机运行 `python web_client/serve_client.py`，打开 `http://localhost:8000`，服务器地址填 `{server}`',
    '- 启动服务器时加上 `--certfile` 和 `--keyfile`，改用 `{secure}` 打开',
    '- 在 Chrome 中打开 `chrome://flags/#unsafely-treat-insecure-origin-as-secure`，填入 `{origin}`，启用后重启浏览器'],
  micDenied: ['没有麦克风权限', '请点击地址栏左侧的图标，把“麦克风”设为“允许”，再按一次录音按钮。手机上还要在系统设置中允许浏览器使用麦克风。'],
  micMissing: ['没有找到麦克风', '请接好麦克风，并在系统声音设置中确认能看到它，再按一次录音按钮。'],
  micInUse: ['麦克风无法使用', '可能正被其他程序占用。请关闭那个程序后再试。（{detail}）'],
  micUnsupported: ['这个浏览器不支持录音', '请换用新版的 Chrome、Edge、Firefox 或 Safari。上传文件不受影响。'],
  micFailed: ['麦克风启动失败', '{detail}'],
  micGone: ['麦克风已断开', '录音已停止，此前的内容会继续识别完。'],
  badAddress: ['服务器地址不正确', '请在设置里填写形如 `ws://192.168.1.5:10095` 的地址。'],
  mixedContent: ['https 页面不能连接 ws 地址', '请在设置里把服务器地址改为 `wss://` 开头，并在服务器上启用 `--certfile` 和 `--keyfile`。'],
  unreachable: ['无法连接 {server}', '请确认服务器已经启动、地址和端口正确、防火墙已放行。'],
  unreachableTls: ['无法连接 {server}', '请确认服务器已经启动并启用了证书。如果证书是自签名的，请先用浏览器打开 `{http}` 并选择信任，再回到本页。'],
  notReady: ['服务器还没有准备好', '`{server}` 正在加载模型或暂时不可用，请稍后再试。{reason}'],
  busy: ['服务器忙', '`{server}` 有应答，但没有接受这次连接，通常是连接数已满。请稍后再试。'],
  refused: ['服务器拒绝了连接', '`{server}` 已就绪，但没有接受这次连接：可能连接数已满，或者需要访问口令（在地址后加 `?token=…`）。'],
  goingAway: ['服务器正在关闭', '已识别的内容保留在页面上。请稍后重新开始。'],
  lost: ['连接中断', '已识别的内容保留在页面上，最后一句可能不完整。请检查网络后重新开始。'],
  tooBig: ['音频超过了服务器的上限', '请缩短录音，或把文件分成几段。{reason}'],
  policy: ['服务器拒绝继续', '{reason}'],
  serverError: ['服务器内部错误', '已识别的内容保留在页面上。请重试；如果再次出现，请查看服务器日志。{reason}'],
  recognition: ['识别出错', '{message}'],
  unsupported_format: ['服务器无法解码这种文件', '请改用“实时校正”模式由浏览器解码，或先转换成 WAV、MP3。（{message}）'],
  bad_audio: ['音频无法读取', '文件可能已损坏，或内容与扩展名不符。（{message}）'],
  audio_too_long: ['音频太长', '超过了服务器允许的时长，请分成几段。（{message}）'],
  undecodable: ['浏览器无法解码 {name}', '请在设置里改用“离线”模式，文件会原样上传，由服务器解码。'],
  emptyFile: ['{name} 是空文件', '请选择有内容的音频文件。'],
  running: ['正在识别', '请先停止当前的识别，再开始下一个。'],
  cleared: ['结果已清空'],
};

const noticesEn = {
  insecure: ['The microphone is not available on this page', 'Browsers allow recording on secure pages only, and `{origin}` is not one. Files still work. Do one of these:',
    '- Run `python web_client/serve_client.py` on this computer, open `http://localhost:8000` and enter `{server}` as server address',
    '- Start the server with `--certfile` and `--keyfile` and open `{secure}` instead',
    '- In Chrome open `chrome://flags/#unsafely-treat-insecure-origin-as-secure`, add `{origin}`, enable it and restart the browser'],
  micDenied: ['No permission to use the microphone', 'Click the icon at the left of the address bar, set “Microphone” to “Allow”, then press record again. On a phone, the system settings must also allow the browser to use it.'],
  micMissing: ['No microphone found', 'Connect one, check that the system sound settings show it, then press record again.'],
  micInUse: ['The microphone cannot be used', 'Another program may be using it. Close that program and try again. ({detail})'],
  micUnsupported: ['This browser cannot record', 'Use a current Chrome, Edge, Firefox or Safari. Files still work.'],
  micFailed: ['The microphone did not start', '{detail}'],
  micGone: ['The microphone was disconnected', 'Recording has stopped; what was said before is still being recognised.'],
  badAddress: ['The server address is not valid', 'Enter an address like `ws://192.168.1.5:10095` in the settings.'],
  mixedContent: ['An https page cannot connect to a ws address', 'Change the server address in the settings to `wss://`, and start the server with `--certfile` and `--keyfile`.'],
  unreachable: ['Cannot connect to {server}', 'Check that the server is running, that address and port are right, and that no firewall is in the way.'],
  unreachableTls: ['Cannot connect to {server}', 'Check that the server is running with a certificate. If the certificate is self-signed, open `{http}` in this browser once, accept it, and come back.'],
  notReady: ['The server is not ready yet', '`{server}` is loading its models or is unavailable for the moment. Try again shortly. {reason}'],
  busy: ['The server is busy', '`{server}` answers but did not accept this connection; most likely it is full. Try again shortly.'],
  refused: ['The server refused the connection', '`{server}` is up but did not accept this connection: it may be full, or want an access token (add `?token=…` to the address).'],
  goingAway: ['The server is shutting down', 'What was recognised stays on the page. Start again in a while.'],
  lost: ['The connection was lost', 'What was recognised stays on the page; the last sentence may be incomplete. Check the network and start again.'],
  tooBig: ['The audio exceeds the limit of the server', 'Record less at a time, or divide the file. {reason}'],
  policy: ['The server refused to go on', '{reason}'],
  serverError: ['The server had an internal error', 'What was recognised stays on the page. Try again; if it happens again, look at the server log. {reason}'],
  recognition: ['Recognition failed', '{message}'],
  unsupported_format: ['The server cannot decode this kind of file', 'Use “Live + refine”, where the browser decodes it, or convert it to WAV or MP3 first. ({message})'],
  bad_audio: ['The audio cannot be read', 'The file may be damaged, or its content does not match its extension. ({message})'],
  audio_too_long: ['The audio is too long', 'It exceeds what the server allows. Divide it. ({message})'],
  undecodable: ['This browser cannot decode {name}', 'Choose “Offline” in the settings: the file is then uploaded as it is and decoded by the server.'],
  emptyFile: ['{name} is empty', 'Choose an audio file with content.'],
  running: ['Recognition is running', 'Stop it before you start the next one.'],
  cleared: ['Transcript cleared'],
};

const TEXTS = { zh: { ...zh, notices: noticesZh }, en: { ...en, notices: noticesEn } };

/** @param {readonly string[]} preferred navigator.languages  @returns {'zh'|'en'} */
export function chooseLanguage(preferred, stored) {
  if (stored in TEXTS) return stored;
  const first = preferred.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag in TEXTS);
  return first ?? 'en';
}

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '').trim();
}

export function translator(language) {
  const texts = TEXTS[language];
  return {
    language,
    text: (key, values = {}) => fill(texts[key], values),
    /** @returns {string[]} title and lines */
    notice: (key, values = {}) => texts.notices[key].map((line) => fill(line, values)),
    knows: (key) => Object.hasOwn(texts.notices, key),
  };
}

/** Keys of one language that the other lacks (for tests). */
export function missingKeys() {
  const keys = (texts) => [...Object.keys(texts), ...Object.keys(texts.notices).map((k) => `notices.${k}`)];
  const [left, right] = [keys(TEXTS.zh), keys(TEXTS.en)];
  return [...left.filter((k) => !right.includes(k)), ...right.filter((k) => !left.includes(k))];
}
