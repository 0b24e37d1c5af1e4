// What every page does by itself: follows live parts, counts clocks down. ES2019, no library.

const parts = Array.from(document.querySelectorAll('[data-live]'));
const english = document.documentElement.lang === 'en';

function notice(text, link) {
  let bar = document.getElementById('connection');
  if (!bar) {
    bar = document.createElement('p');
    bar.id = 'connection';
    bar.className = 'notice flash';
    bar.setAttribute('role', 'status');
    document.body.insertBefore(bar, document.body.firstChild);
  }
  bar.hidden = text === '';
  bar.textContent = text;
  if (link) {
    const a = document.createElement('a');
    a.href = link;
    a.textContent = english ? ' Reload' : ' 刷新';
    bar.appendChild(a);
  }
}

// A hand that is on a part keeps it still until it lets go.
function put(part, html) {
  if (part.dataset.notice) {
    if (part.dataset.known !== undefined && part.dataset.known !== html) {
      notice(part.dataset.notice, location.href);
    }
    part.dataset.known = html;
    return;
  }
  if (part.contains(document.activeElement) && document.activeElement.matches('input, textarea, select')) {
    part.dataset.waits = html;
    return;
  }
  const held = part.contains(document.activeElement) ? sign(document.activeElement) : '';
  part.innerHTML = html;
  if (held) {
    const again = Array.from(part.querySelectorAll('a, button, summary')).find((e) => sign(e) === held);
    if (again) again.focus({ preventScroll: true });
  }
  over();
  count();
}

// What can be asked for only while something goes on goes when it is over.
function over() {
  if (!document.querySelector('[data-over]')) return;
  for (const ask of Array.from(document.querySelectorAll('[data-until-over]'))) ask.remove();
}

// By what a link or button is known again when its part was drawn anew: the keyboard stays where it was.
function sign(element) {
  return element.tagName + (element.getAttribute('href') || element.getAttribute('name') || element.textContent);
}

let source = null;
let broken = 0;

function follow() {
  if (source || parts.length === 0) return;
  const topics = Array.from(new Set(parts.map((part) => part.dataset.live)));
  source = new EventSource('/console/live?topic=' + encodeURIComponent(topics.join(',')));
  source.onopen = () => { broken = 0; notice(''); };
  source.onerror = () => {
    broken += 1;
    const over = source && source.readyState === EventSource.CLOSED;
    if (over || broken > 2) {
      notice(english ? 'The connection is interrupted; what you see may be old.' : '连接中断，页面内容可能不是最新。', location.href);
    }
    if (over) {
      source = null;
      setTimeout(follow, 5000);
    }
  };
  for (const topic of topics) {
    source.addEventListener(topic, (event) => {
      for (const part of parts) if (part.dataset.live === topic) put(part, event.data);
    });
  }
}

function pause() {
  if (source) source.close();
  source = null;
}

// Browsers keep six connections to one address: pages nobody sees give theirs back.
document.addEventListener('visibilitychange', () => (document.hidden ? pause() : follow()));
window.addEventListener('pagehide', pause);
document.addEventListener('focusout', () => {
  for (const part of parts) {
    if (part.dataset.waits !== undefined) {
      const html = part.dataset.waits;
      delete part.dataset.waits;
      setTimeout(() => put(part, html), 0);
    }
  }
});

function count() {
  for (const clock of document.querySelectorAll('[data-until]')) {
    const left = Math.max(0, Math.round((Number(clock.dataset.until) - Date.now()) / 1000));
    const pad = (n) => String(n).padStart(2, '0');
    const hours = Math.floor(left / 3600);
    clock.textContent = (hours ? hours + ':' : '') + pad(Math.floor(left / 60) % 60) + ':' + pad(left % 60);
  }
}

if (new URLSearchParams(location.search).has('wall')) document.documentElement.setAttribute('data-wall', '');
setInterval(count, 1000);
count();
follow();
