// Every visible text whose contrast with what lies behind it is under WCAG 2.1 AA: 4.5, large text 3.
// Gives one line a text. A background that is a picture or a gradient cannot be computed and is named.
() => {
  const parse = (colour) => {
    const n = (colour.match(/[\d.]+/g) || [0, 0, 0, 0]).map(Number);
    return [n[0], n[1], n[2], n.length > 3 ? n[3] : 1];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat(1);
  const luminance = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => {
      const s = v / 255;
      return s <= 0.03928 ? s / 12.92 : Math.pow((s + 0.055) / 1.055, 2.4);
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
    return (high + 0.05) / (low + 0.05);
  };
  const canvas = matchMedia('(prefers-color-scheme: dark)').matches
    && /dark/.test(getComputedStyle(document.documentElement).colorScheme || '')
    ? [18, 18, 18, 1] : [255, 255, 255, 1];
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const style = getComputedStyle(e);
      if (style.backgroundImage !== 'none') return null;
      const colour = parse(style.backgroundColor);
      layers.push(colour);
      if (colour[3] === 1) break;
    }
    return layers.reverse().reduce((under, top) => over(top, under), canvas);
  };
  const opacity = (element) => {
    let all = 1;
    for (let e = element; e; e = e.parentElement) all *= Number(getComputedStyle(e).opacity);
    return all;
  };
  const wrong = [];
  const check = (element, style, text) => {
    const ground = behind(element);
    const what = `"${text.trim().slice(0, 40)}" <${element.tagName.toLowerCase()} class="${element.getAttribute('class') || ''}">`;
    if (!ground) { wrong.push(`${what}: its background is a picture`); return; }
    const ink = parse(element instanceof SVGElement ? style.fill : style.color);
    ink[3] *= opacity(element);
    const got = ratio(over(ink, ground), ground);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const least = large ? 3 : 4.5;
    if (got < least) wrong.push(`${what}: ${got.toFixed(2)}, at least ${least} (${style.color} on ${ground.slice(0, 3).map(Math.round)})`);
  };
  const shown = (element) => {
    const style = getComputedStyle(element);
    if (style.visibility !== 'visible' || opacity(element) === 0) return false;
    const box = element.getBoundingClientRect();
    // What is one pixel small is for screen readers.
    return box.width > 1 && box.height > 1;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element || element.closest('script, style, template, noscript, option, [disabled], textarea')) continue;
    if (shown(element)) check(element, getComputedStyle(element), node.data);
  }
  for (const field of document.querySelectorAll('input, textarea, select')) {
    const typed = field.value || field.placeholder;
    if (['checkbox', 'radio', 'hidden', 'range', 'color', 'file'].includes(field.type)) continue;
    if (!typed || field.disabled || !shown(field)) continue;
    check(field, getComputedStyle(field, field.value ? null : '::placeholder'), typed);
  }
  return wrong;
}
