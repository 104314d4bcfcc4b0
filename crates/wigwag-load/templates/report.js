// Exact values under the pointer; the report is whole without it.
for (const plot of document.querySelectorAll('.plot')) {
  const { starts, heads, series } = JSON.parse(plot.querySelector('script').textContent);
  const cursor = plot.querySelector('.cursor');
  const reading = plot.querySelector('.reading');
  const hide = () => { cursor.hidden = reading.hidden = true; };
  const show = (event) => {
    const box = plot.querySelector('svg').getBoundingClientRect();
    const place = (event.clientX - box.left) / box.width;
    if (place < 0 || place > 1 || !starts.length) return hide();
    let at = starts.findLastIndex((start) => start <= place);
    if (at < 0) at = 0;
    const row = (name, value) => {
      const line = document.createElement('div');
      const label = document.createElement('span');
      const figure = document.createElement('b');
      label.textContent = name;
      figure.textContent = value;
      line.append(label, figure);
      return line;
    };
    const head = document.createElement('div');
    head.className = 'head';
    head.textContent = heads[at];
    reading.replaceChildren(head, ...series.map((one) => row(one.name, one.values[at])));
    cursor.style.left = `${place * 100}%`;
    reading.style.left = place < 0.5 ? `calc(${place * 100}% + 12px)` : 'auto';
    reading.style.right = place < 0.5 ? 'auto' : `calc(${(1 - place) * 100}% + 12px)`;
    cursor.hidden = reading.hidden = false;
  };
  plot.addEventListener('pointermove', show);
  plot.addEventListener('pointerdown', show);
  plot.addEventListener('pointerleave', hide);
}
