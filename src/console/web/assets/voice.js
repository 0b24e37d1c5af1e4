// Recordings for a manual broadcast: a file of the officer's, or the microphone of this page.

const box = document.querySelector('[data-voice]');
const form = document.querySelector('[data-compose]');
const english = document.documentElement.lang === 'en';
const say = (zh, en) => (english ? en : zh);
const part = (name) => box.querySelector('[' + name + ']');
const SECONDS_MAX = 600;
const QUIET_BELOW = 0.02;
// A township with its machines is loud: the browser's own cleaning is welcome.
const WANTED = { audio: { channelCount: 1, echoCancellation: false, noiseSuppression: true, autoGainControl: true } };

function told(text) {
  part('data-voice-said').textContent = text;
}

function use(name) {
  form.elements.recording.value = name;
  form.elements.recording.dispatchEvent(new Event('change', { bubbles: true }));
}

// With XMLHttpRequest, because it tells how much has gone out.
function send(blob, title) {
  if (blob.size > Number(box.dataset.bytesMax)) {
    told(say('文件太大，请缩短或压缩。', 'The file is too large; shorten or compress it.'));
    return;
  }
  const body = new FormData();
  // The token goes first: nothing is written before it is known.
  body.append('token', form.elements.token.value);
  body.append('title', title);
  body.append('recording', blob, 'recording');
  const request = new XMLHttpRequest();
  request.open('POST', '/console/recordings');
  request.setRequestHeader('x-requested-with', 'fetch');
  request.upload.addEventListener('progress', (event) => {
    const percent = event.total ? Math.floor((100 * event.loaded) / event.total) : 0;
    told(percent < 100 ? say('正在上传 ', 'Uploading ') + percent + ' %' : say('正在检查录音…', 'Checking…'));
  });
  request.addEventListener('error', () => told(say('连接中断，没有上传。', 'No connection; nothing was sent.')));
  request.addEventListener('load', () => {
    const shelf = part('data-voice-shelf');
    if (request.status === 200 && request.responseText.indexOf('data-uploaded') >= 0) {
      shelf.innerHTML = request.responseText;
      use(shelf.querySelector('[data-uploaded]').dataset.uploaded);
      told(say('录音可用，已填入上面的“录音”一栏。', 'The recording is ready and chosen above.'));
      return;
    }
    const page = new DOMParser().parseFromString(request.responseText, 'text/html');
    const why = page.querySelector('.flash.bad, p.big');
    told(say('没有采用：', 'Not taken: ') + (why ? why.textContent : request.status));
  });
  request.send(body);
}

let take = null;
let recorder = null;
let stream = null;
let sound = null;
let ticks = 0;
let address = '';

function release() {
  clearInterval(ticks);
  if (stream) for (const track of stream.getTracks()) track.stop();
  if (sound) sound.close();
  stream = null;
  sound = null;
  part('data-mic-start').disabled = false;
  part('data-mic-stop').disabled = true;
  part('data-mic-level').value = 0;
}

function finished(pieces, kind, loudest) {
  release();
  recorder = null;
  take = new Blob(pieces, { type: kind });
  if (address) URL.revokeObjectURL(address);
  address = URL.createObjectURL(take);
  part('data-mic-listen').src = address;
  part('data-mic-take').hidden = false;
  told(loudest < QUIET_BELOW
    ? say('几乎没有录到声音，请检查话筒。', 'Hardly anything was heard; check the microphone.')
    : say('录好了，请先试听。', 'Recorded; listen to it first.'));
}

async function record() {
  part('data-mic-start').disabled = true;
  try {
    stream = await navigator.mediaDevices.getUserMedia(WANTED);
  } catch (fault) {
    release();
    told(say('话筒不可用：', 'No microphone: ') + fault.name);
    return;
  }
  const kinds = ['audio/webm;codecs=opus', 'audio/ogg;codecs=opus'];
  const kind = kinds.find((one) => MediaRecorder.isTypeSupported(one));
  if (!kind) {
    release();
    part('data-microphone-absent').hidden = false;
    return;
  }
  sound = new AudioContext();
  const meter = sound.createAnalyser();
  // Longer than the time between two looks, so that nothing loud is missed.
  meter.fftSize = 8192;
  sound.createMediaStreamSource(stream).connect(meter);
  const samples = new Float32Array(meter.fftSize);
  const pieces = [];
  let loudest = 0;
  recorder = new MediaRecorder(stream, { mimeType: kind, audioBitsPerSecond: 32000 });
  recorder.addEventListener('dataavailable', (event) => { if (event.data.size) pieces.push(event.data); });
  recorder.addEventListener('stop', () => finished(pieces, kind, loudest));
  recorder.start(1000);
  part('data-mic-stop').disabled = false;
  part('data-mic-take').hidden = true;
  told(say('正在录音…', 'Recording…'));
  const began = Date.now();
  ticks = setInterval(() => {
    meter.getFloatTimeDomainData(samples);
    const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    loudest = Math.max(loudest, peak);
    part('data-mic-level').value = peak;
    const seconds = Math.floor((Date.now() - began) / 1000);
    const two = (n) => String(n).padStart(2, '0');
    part('data-mic-time').textContent = two(Math.floor(seconds / 60)) + ':' + two(seconds % 60);
    // Some seconds early: the reader takes no more than this.
    if (seconds >= SECONDS_MAX - 5 && recorder && recorder.state === 'recording') recorder.stop();
  }, 100);
}

if (box && form) {
  const can = window.isSecureContext && navigator.mediaDevices && navigator.mediaDevices.getUserMedia;
  if (!window.isSecureContext) part('data-microphone-insecure').hidden = false;
  else if (!can || !window.MediaRecorder) part('data-microphone-absent').hidden = false;
  else part('data-microphone').hidden = false;
  part('data-mic-start').addEventListener('click', record);
  part('data-mic-stop').addEventListener('click', () => { if (recorder) recorder.stop(); });
  part('data-mic-send').addEventListener('click', () => {
    if (take) send(take, say('现场录音 ', 'Microphone ') + new Date().toLocaleString());
  });
  document.getElementById('upload').addEventListener('submit', (event) => {
    event.preventDefault();
    const file = part('data-voice-file').files[0];
    if (file) send(file, file.name);
    else told(say('请先选择文件。', 'Choose a file first.'));
  });
  box.addEventListener('click', (event) => {
    const chosen = event.target.closest('[data-take-recording]');
    if (chosen) use(chosen.dataset.takeRecording);
  });
  window.addEventListener('pagehide', release);
}
