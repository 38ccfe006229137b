// Small plots of the last minute, on canvas. Draws; measures nothing.

const SAMPLES = 60;

export class Plot {
  /** @param {string} name @param {string} color @param {number} least top of the scale, at least */
  constructor(name, color, least, format) {
    this.values = [];
    this.color = color;
    this.least = least;
    this.format = format;
    this.element = document.createElement('div');
    this.element.className = 'meter';
    this.label = document.createElement('b');
    this.canvas = document.createElement('canvas');
    this.canvas.setAttribute('aria-hidden', 'true');
    const title = document.createElement('i');
    title.textContent = name;
    this.element.append(title, this.label, this.canvas);
    this.label.textContent = '–';
  }

  add(value) {
    this.values.push(Number.isFinite(value) ? value : null);
    if (this.values.length > SAMPLES) this.values.shift();
    this.label.textContent = Number.isFinite(value) ? this.format(value) : '–';
    if (this.canvas.offsetParent) this.#draw();
  }

  #draw() {
    const scale = window.devicePixelRatio || 1;
    const width = this.canvas.clientWidth * scale;
    const height = this.canvas.clientHeight * scale;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const ink = this.canvas.getContext('2d');
    ink.clearRect(0, 0, width, height);
    const top = Math.max(this.least, ...this.values) * 1.1;
    const x = (index) => width - (this.values.length - 1 - index) * (width / (SAMPLES - 1));
    const y = (value) => height - scale - (value / top) * (height - 2 * scale);
    ink.strokeStyle = this.color;
    ink.fillStyle = `${this.color}33`;
    ink.lineWidth = 1.5 * scale;
    ink.lineJoin = 'round';
    let run = [];
    const finish = () => {
      if (run.length > 1) {
        ink.beginPath();
        run.forEach(([px, py], index) => (index ? ink.lineTo(px, py) : ink.moveTo(px, py)));
        ink.stroke();
        ink.lineTo(run.at(-1)[0], height);
        ink.lineTo(run[0][0], height);
        ink.fill();
      }
      run = [];
    };
    this.values.forEach((value, index) => (value === null ? finish() : run.push([x(index), y(value)])));
    finish();
  }
}
