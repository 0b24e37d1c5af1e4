// The form of a manual broadcast: counts the audience, fetches the preview, fills in templates.

const form = document.querySelector('[data-compose]');
const audience = document.querySelector('[data-audience]');
const result = document.querySelector('[data-preview-result]');
const english = document.documentElement.lang === 'en';

async function ask(path, into) {
  const body = new URLSearchParams(new FormData(form));
  try {
    const answer = await fetch(path, {
      method: 'POST', body, credentials: 'same-origin', headers: { 'x-requested-with': 'fetch' },
    });
    if (answer.redirected) { location.reload(); return; }
    into.innerHTML = answer.ok ? await answer.text() : '';
    if (!answer.ok) into.textContent = (english ? 'Not now: ' : '暂时不行：') + answer.status;
  } catch (fault) {
    into.textContent = english ? 'No connection.' : '连接中断。';
  }
}

let waits = 0;
function counted() {
  clearTimeout(waits);
  waits = setTimeout(() => {
    const some = form.querySelector('input[name="area"]:checked, input[name="group"]:checked') || (form.elements.polygon && form.elements.polygon.value);
    if (some) ask('/console/compose/audience', audience);
    else audience.textContent = english ? 'Choose places' : '请选择范围';
  }, 300);
}

if (form) {
  form.addEventListener('change', (event) => {
    const box = event.target;
    if (box.name === 'area') {
      // A township takes its villages along.
      const group = box.closest('summary') ? box.closest('details') : null;
      if (group) for (const inner of group.querySelectorAll('.villages input')) inner.checked = box.checked;
      else if (!box.checked && box.closest('details')) {
        const upper = box.closest('details').querySelector('summary input');
        if (upper) upper.checked = false;
      }
    }
    counted();
  });
  form.addEventListener('click', (event) => {
    const template = event.target.closest('[data-template]');
    if (template) {
      form.elements.text.value = template.dataset.template;
      form.elements.text.focus();
    }
    if (event.target.closest('[data-preview]')) {
      result.textContent = english ? 'Rendering…' : '正在合成…';
      ask('/console/compose/preview', result);
    }
  });
  counted();
}
