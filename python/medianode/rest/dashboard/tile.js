// One picture on the stage: video, name, state, plots. And the arithmetic that lays pictures out.

import { Plot } from './plot.js';
import { Meter, bits, milliseconds, percent } from './stats.js';

export class Tile {
  #meter = new Meter();
  #still = 0;

  /** @param {{name: string, screen?: boolean, own?: boolean}} about */
  constructor({ name, screen = false, own = false }) {
    Object.assign(this, { own, screen });
    this.stream = new MediaStream();
    this.element = document.createElement('article');
    this.element.className = `tile dark${screen ? ' screen' : ''}${own && !screen ? ' mirror' : ''}`;
    this.video = Object.assign(document.createElement('video'), { autoplay: true, playsInline: true, muted: own, srcObject: this.stream });
    const initial = document.createElement('div');
    initial.className = 'initial';
    initial.setAttribute('aria-hidden', 'true');
    this.letter = initial.appendChild(document.createElement('span'));
    this.wait = Object.assign(document.createElement('p'), { className: 'wait', hidden: true });
    const plate = document.createElement('div');
    plate.className = 'plate';
    plate.innerHTML = '<svg role="img" aria-label="microphone off"><use href="#i-mic-off"/></svg><span></span>';
    this.title = plate.lastChild;
    this.meters = document.createElement('div');
    this.meters.className = 'meters';
    this.plots = [
      new Plot('bitrate', '#7fd1b4', 100_000, bits),
      new Plot('loss', '#f2b27a', 2, percent),
      new Plot('round trip', '#9fc1f0', 20, milliseconds),
    ];
    this.layers = Object.assign(document.createElement('div'), { className: 'layers' });
    this.meters.append(...this.plots.map((plot) => plot.element), this.layers);
    this.element.append(this.video, initial, this.wait, plate, this.meters);
    this.rename(name);
  }

  rename(name) {
    if (this.name === name) return;
    this.name = name;
    const title = this.screen ? (this.own ? 'Your screen' : `${name} – screen`) : this.own ? `${name} (you)` : name;
    this.element.setAttribute('aria-label', title);
    this.title.textContent = title;
    this.letter.textContent = [...name][0]?.toUpperCase() ?? '?';
    this.letter.style.setProperty('--hue', hue(name));
  }

  add(track) {
    for (const old of this.stream.getTracks()) if (old.kind === track.kind) this.stream.removeTrack(old);
    this.stream.addTrack(track);
    this.play();
  }

  removeVideo() {
    for (const track of this.stream.getVideoTracks()) this.stream.removeTrack(track);
    this.dark(true);
  }

  /** Starts playback; resolves to false when the browser wants a click first. */
  async play() {
    try { await this.video.play(); return true; } catch (error) { return error.name !== 'NotAllowedError'; }
  }

  dark(on) { this.element.classList.toggle('dark', on); }
  muted(on) { this.element.classList.toggle('muted', on); }
  speaking(on) { this.element.classList.toggle('speaking', on); }

  /** A word over the picture, or none. */
  waiting(text) {
    this.wait.textContent = text;
    this.wait.hidden = !text;
  }

  /** Takes a sample; called once a second. */
  async measure(pc) {
    if (!pc || pc.connectionState !== 'connected') return;
    const { bitrate, loss, rtt, layers, frames, limited } = await this.#meter.read(pc);
    this.plots[0].add(bitrate);
    this.plots[1].add(loss);
    this.plots[2].add(rtt);
    this.layers.textContent = [layers || 'no picture', limited && `limited by ${limited}`].filter(Boolean).join(' · ');
    if (!this.own) {
      // A camera that was switched off sends nothing: show the name instead of its last picture.
      this.#still = frames > 0 ? 0 : this.#still + 1;
      if (this.#still === 0 || (!this.screen && this.#still > 2)) this.dark(this.#still > 0);
    }
  }
}

const GAP = 12;
const LEAST = 150;

/** Lays out the tiles as large as they all fit; a shared screen gets most of the room. Scrolls when they would become too small. */
export function arrange(stage) {
  const tiles = [...stage.querySelectorAll('.tile')];
  const area = { left: 4, top: 4, width: stage.clientWidth - 8, height: stage.clientHeight - 8 };
  const screen = tiles.find((tile) => tile.classList.contains('screen'));
  if (!screen || tiles.length < 2) {
    grid(tiles, area);
    return;
  }
  const others = tiles.filter((tile) => tile !== screen);
  const beside = area.width > area.height;
  const part = beside ? Math.max(LEAST + 20, area.width * 0.24) : area.height * 0.34;
  const main = beside ? { ...area, width: area.width - part - GAP } : { ...area, height: area.height - part - GAP };
  const strip = beside
    ? { ...area, left: area.left + main.width + GAP, width: part }
    : { ...area, top: area.top + main.height + GAP, height: part };
  place(screen, main.left, main.top, main.width, main.height);
  grid(others, strip);
}

function grid(tiles, area) {
  const aspect = area.width < area.height && tiles.length > 1 ? 4 / 3 : 16 / 9;
  let best = { width: 0, columns: 1 };
  for (let columns = 1; columns <= tiles.length; columns += 1) {
    const rows = Math.ceil(tiles.length / columns);
    const width = Math.min((area.width - GAP * (columns - 1)) / columns, aspect * (area.height - GAP * (rows - 1)) / rows);
    if (width > best.width) best = { width, columns };
  }
  const least = Math.min(area.width, LEAST);
  if (best.width < least) best = { width: least, columns: Math.max(1, Math.floor((area.width + GAP) / (least + GAP))) };
  const { columns } = best;
  const width = Math.floor(best.width);
  const height = Math.floor(width / aspect);
  const rows = Math.ceil(tiles.length / columns);
  const top = area.top + Math.max(0, (area.height - rows * height - (rows - 1) * GAP) / 2);
  tiles.forEach((tile, index) => {
    const row = Math.floor(index / columns);
    const inRow = Math.min(columns, tiles.length - row * columns);
    const left = area.left + (area.width - inRow * width - (inRow - 1) * GAP) / 2 + (index % columns) * (width + GAP);
    place(tile, left, top + row * (height + GAP), width, height);
  });
}

function place(tile, left, top, width, height) {
  Object.assign(tile.style, { left: `${left}px`, top: `${top}px`, width: `${width}px`, height: `${height}px` });
}

function hue(name) {
  let hash = 7;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) % 360;
  return `hsl(${hash} 28% 42%)`;
}
