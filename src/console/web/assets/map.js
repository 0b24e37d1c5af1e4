// A ring on the map of a manual broadcast. The field with its corners is the truth: clicks write it, and
// whatever is typed there is drawn.

const box = document.querySelector('[data-ring]');
const svg = box && box.querySelector('svg.map');
const field = box && box.querySelector('[name="polygon"]');
const english = document.documentElement.lang === 'en';
const CORNERS_MAX = 1000;

function corners() {
  const pairs = field.value.split(/\s+/).filter((pair) => pair !== '');
  const read = pairs.map((pair) => pair.split(',').map(Number));
  const good = (pair) => pair.length === 2 && pair.every(Number.isFinite);
  return read.every(good) ? read : null;
}

function write(ring) {
  field.value = ring.map((pair) => pair.map((degrees) => degrees.toFixed(5)).join(',')).join(' ');
  // The audience is counted by whoever listens for changes of the form.
  field.dispatchEvent(new Event('change', { bubbles: true }));
  draw();
}

const frame = svg && {
  west: Number(svg.dataset.west),
  north: Number(svg.dataset.north),
  scaleX: Number(svg.dataset.scaleX),
  scaleY: Number(svg.dataset.scaleY),
  margin: Number(svg.dataset.margin),
};
const shape = (name, kind) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  made.setAttribute('class', kind);
  return made;
};
const ringLine = svg && shape('polygon', 'ring-line');
const ringCorners = svg && shape('g', 'ring-corners');

function toPicture(pair) {
  return [
    (pair[0] - frame.west) * frame.scaleX + frame.margin,
    (frame.north - pair[1]) * frame.scaleY + frame.margin,
  ].map((length) => length.toFixed(1));
}

function draw() {
  const ring = corners();
  const said = box.querySelector('[data-ring-count]');
  if (ring === null) said.textContent = english ? 'The corners can not be read.' : '坐标格式不对。';
  else if (ring.length === 0) said.textContent = '';
  else if (ring.length < 3) said.textContent = english ? 'At least three corners.' : '至少需要三个拐角。';
  else said.textContent = (english ? 'corners: ' : '拐角：') + ring.length;
  const points = (ring || []).map(toPicture);
  ringLine.setAttribute('points', points.map((point) => point.join(',')).join(' '));
  ringCorners.textContent = '';
  for (const point of points) {
    const corner = shape('circle', 'ring-corner');
    corner.setAttribute('cx', point[0]);
    corner.setAttribute('cy', point[1]);
    corner.setAttribute('r', '5');
    ringCorners.appendChild(corner);
  }
}

if (svg && field) {
  svg.appendChild(ringLine);
  svg.appendChild(ringCorners);
  svg.classList.add('draws');
  box.querySelector('[data-ring-actions]').hidden = false;
  svg.addEventListener('click', (event) => {
    const at = svg.createSVGPoint();
    at.x = event.clientX;
    at.y = event.clientY;
    const inside = at.matrixTransform(svg.getScreenCTM().inverse());
    const lon = (inside.x - frame.margin) / frame.scaleX + frame.west;
    const lat = frame.north - (inside.y - frame.margin) / frame.scaleY;
    const ring = corners() || [];
    if (ring.length < CORNERS_MAX) write(ring.concat([[lon, lat]]));
  });
  box.addEventListener('click', (event) => {
    if (event.target.closest('[data-ring-undo]')) write((corners() || []).slice(0, -1));
    if (event.target.closest('[data-ring-clear]')) write([]);
  });
  field.addEventListener('input', draw);
  draw();
}
