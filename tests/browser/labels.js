// What a person without mouse or without eyes would miss on this page, one line each.
() => {
  const wrong = [];
  const name = (element) => {
    const by = (element.getAttribute('aria-labelledby') || '').split(' ').filter(Boolean)
      .map((id) => (document.getElementById(id) || {}).textContent || '').join('');
    const labels = Array.from(element.labels || []).map((label) => label.textContent).join('');
    return (by || element.getAttribute('aria-label') || labels || element.textContent
      || element.getAttribute('title') || element.getAttribute('alt') || '').trim();
  };
  const what = (element) => element.outerHTML.slice(0, 160);
  const shown = (element) => element.getClientRects().length > 0;
  if (!document.documentElement.lang) wrong.push('the document names no language');
  if (!document.title.trim()) wrong.push('the document has no title');
  const n = Array.from(document.querySelectorAll('h1')).filter(shown).length;
  if (n !== 1) wrong.push(`${n} visible headings h1, one is needed`);
  for (const field of document.querySelectorAll('input, select, textarea')) {
    if (['hidden', 'submit', 'button', 'image'].includes(field.type) || !shown(field)) continue;
    const own = { labels: field.labels, getAttribute: (key) => field.getAttribute(key), textContent: '' };
    if (!name(own)) wrong.push(`no label: ${what(field)}`);
  }
  for (const button of document.querySelectorAll('button, a[href], [role=button], summary')) {
    const picture = button.querySelector('img[alt], svg[aria-label], svg title');
    if (shown(button) && !name(button) && !picture) wrong.push(`no name: ${what(button)}`);
  }
  for (const image of document.querySelectorAll('img')) {
    if (!image.hasAttribute('alt')) wrong.push(`no alt: ${what(image)}`);
  }
  for (const frame of document.querySelectorAll('[tabindex]')) {
    if (frame.tabIndex > 0) wrong.push(`jumps the order of the Tab key: ${what(frame)}`);
  }
  for (const each of document.querySelectorAll('[onclick]')) wrong.push(`inline script: ${what(each)}`);
  const ids = {};
  for (const each of document.querySelectorAll('[id]')) {
    if (ids[each.id]) wrong.push(`the id ${each.id} is there twice`);
    ids[each.id] = true;
  }
  return wrong;
}
