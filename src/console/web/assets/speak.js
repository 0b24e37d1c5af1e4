// Speaks into the microphone while the terminals sound: 16-bit samples at 16 kHz, sent piece by piece.

const box = document.querySelector('[data-speak]');
const english = document.documentElement.lang === 'en';
const say = (zh, en) => (english ? en : zh);
const part = (name) => box.querySelector('[' + name + ']');
const RATE = 16000;
const PIECE_SAMPLES_MIN = RATE / 4;
const PIECE_SAMPLES_MAX = RATE * 4;
// Behind by more than this, nobody hears what is said now.
const BEHIND_SAMPLES_MAX = RATE * 10;
const WANTED = { audio: { channelCount: 1, echoCancellation: false, noiseSuppression: true, autoGainControl: true } };

let stream = null;
let sound = null;
let taker = null;
let waiting = [];
let piece = 0;
let open = false;
let ending = false;
let began = 0;
let ticks = 0;

function told(text) {
  part('data-speak-said').textContent = text;
}

async function post(path, body) {
  const headers = { 'x-form-token': box.dataset.token, 'x-requested-with': 'fetch' };
  if (body) {
    headers['content-type'] = 'application/octet-stream';
    headers['x-piece'] = String(piece);
  }
  const address = '/console/broadcasts/' + box.dataset.speak + '/speak' + path;
  const answer = await fetch(address, { method: 'POST', body, headers, credentials: 'same-origin', redirect: 'error' });
  const kind = answer.headers.get('content-type') || '';
  const data = kind.indexOf('json') >= 0 ? await answer.json() : {};
  if (!answer.ok) throw new Error(data.why || say('网关拒绝：', 'refused: ') + answer.status);
  return data;
}

function release() {
  open = false;
  clearInterval(ticks);
  if (taker) taker.disconnect();
  if (stream) for (const track of stream.getTracks()) track.stop();
  if (sound) sound.close();
  stream = null;
  sound = null;
  taker = null;
  part('data-speak-stop').disabled = true;
  part('data-speak-level').value = 0;
}

function broken(fault) {
  release();
  waiting = [];
  told(say('喊话已中断：', 'Interrupted: ') + fault.message);
}

function heard(event) {
  const samples = event.inputBuffer.getChannelData(0);
  let peak = 0;
  const taken = new Int16Array(samples.length);
  for (let at = 0; at < samples.length; at += 1) {
    const sample = Math.max(-1, Math.min(1, samples[at]));
    peak = Math.max(peak, Math.abs(sample));
    taken[at] = Math.round(sample * 32767);
  }
  if (!box.isConnected) return;
  part('data-speak-level').value = peak;
  if (open) waiting.push(taken);
}

function next(most) {
  const taken = [];
  let count = 0;
  while (waiting.length && count + waiting[0].length <= most) {
    count += waiting[0].length;
    taken.push(waiting.shift());
  }
  const all = new Int16Array(count);
  let at = 0;
  for (const one of taken) {
    all.set(one, at);
    at += one.length;
  }
  return all;
}

function behind() {
  return waiting.reduce((sum, one) => sum + one.length, 0);
}

// One after the other, so that nothing overtakes.
async function pump() {
  try {
    while (open || behind() > 0) {
      if (behind() > BEHIND_SAMPLES_MAX) throw new Error(say('网络太慢，声音送不出去。', 'the network is too slow.'));
      if (behind() < PIECE_SAMPLES_MIN && open) {
        await new Promise((done) => setTimeout(done, 50));
        continue;
      }
      const answer = await post('', next(PIECE_SAMPLES_MAX).buffer);
      piece += 1;
      if (answer.parts > 0) {
        const out = part('data-speak-out');
        out.hidden = false;
        out.dataset.parts = answer.parts;
        out.dataset.outMs = answer.out_ms;
        out.textContent = say('已送出 ', 'Out: ') + answer.parts + say(' 段；从说话到发出 ', ' parts; from speech to order ') + (answer.out_ms / 1000).toFixed(1) + ' s';
      }
    }
    await post('/end');
    told(say('喊话已结束，全程录音与回执见下。', 'Ended; the recording and the acknowledgements are below.'));
  } catch (fault) {
    broken(fault);
  }
}

function stop() {
  if (ending) return;
  ending = true;
  told(say('正在结束…', 'Ending…'));
  release();
}

async function start() {
  part('data-speak-start').disabled = true;
  try {
    stream = await navigator.mediaDevices.getUserMedia(WANTED);
    sound = new AudioContext({ sampleRate: RATE });
    taker = sound.createScriptProcessor(4096, 1, 1);
    taker.onaudioprocess = heard;
    sound.createMediaStreamSource(stream).connect(taker);
    // Without an end nothing is pulled; what comes out of it is silence.
    taker.connect(sound.destination);
  } catch (fault) {
    release();
    part('data-speak-start').disabled = false;
    told(say('话筒不可用，没有播出任何声音：', 'No microphone; nothing went out: ') + fault.name);
    return;
  }
  try {
    const opened = await post('/begin');
    told(say('正在播放开场提示音，请稍候…', 'The opening sounds; wait…'));
    await new Promise((done) => setTimeout(done, opened.opening_ms));
  } catch (fault) {
    broken(fault);
    part('data-speak-start').disabled = false;
    return;
  }
  open = true;
  part('data-speak-stop').disabled = false;
  told(say('请讲话。', 'Speak now.'));
  began = Date.now();
  ticks = setInterval(() => {
    const seconds = Math.floor((Date.now() - began) / 1000);
    const two = (n) => String(n).padStart(2, '0');
    part('data-speak-time').textContent = two(Math.floor(seconds / 60)) + ':' + two(seconds % 60);
    if (seconds >= Number(box.dataset.secondsMax) - 5) stop();
  }, 200);
  pump();
}

if (box) {
  const can = window.isSecureContext && navigator.mediaDevices && navigator.mediaDevices.getUserMedia;
  if (!window.isSecureContext) part('data-speak-insecure').hidden = false;
  else if (!can || !window.AudioContext) part('data-speak-absent').hidden = false;
  else part('data-speak-ready').hidden = false;
  part('data-speak-start').addEventListener('click', start);
  part('data-speak-stop').addEventListener('click', stop);
  window.addEventListener('pagehide', release);
}
