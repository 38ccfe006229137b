// Being in a room: one session for what we publish, one for our screen, one for each source of the others.

import { listen } from './events.js';
import { LAYERS } from './media.js';
import { Session } from './session.js';
import { Tile } from './tile.js';

const CHAT = 'chat';
/** What the others' pages show beside the picture: the name as written, microphone, camera. */
const STATE = 'state';
const STATE_EVERY_MS = 4000;

/** Events: `tiles`, `people` (number), `state` ({state, text}), `chat` ({name, text}), `notice` (string), `sound`, `over` (string). */
export class Call extends EventTarget {
  /** `name` is the node's name for us, `title` what people read. */
  constructor({ room, name, title, token, media }) {
    super();
    Object.assign(this, { room, name, title, token, media });
    this.others = new Map();
    this.ending = new AbortController();
    this.listening = false;
  }

  /** Publishes and begins to listen. Throws when the room cannot be entered. */
  async enter() {
    this.tile = new Tile({ name: this.title, own: true });
    if (this.media.video) this.#showOwn(this.media.video);
    this.tile.muted(!this.media.audio?.enabled);
    this.publishing = new Session(this.#url('whip', this.name), this.token, (pc) => this.#prepare(pc), [CHAT, STATE]);
    this.publishing.addEventListener('state', () => this.#report());
    this.publishing.addEventListener('problem', ({ detail }) => this.#tell('notice', detail.message));
    this.publishing.addEventListener('channel', ({ detail }) => detail === STATE && this.tellState());
    try {
      await this.publishing.open();
    } catch (error) {
      this.publishing.close();
      if (error.status !== 403) throw error;
      // Listeners and viewers may watch: the event stream will say whether at least that is allowed.
      this.publishing = null;
      this.tile = null;
      this.media.close();
      this.#tell('notice', `You are watching only. ${error.message}`);
    }
    this.#listen();
    this.timer = setInterval(() => this.#measure(), 1000);
    this.stateTimer = setInterval(() => this.tellState(), STATE_EVERY_MS);
    this.#tell('tiles');
  }

  leave() {
    this.ending.abort();
    clearInterval(this.timer);
    clearInterval(this.stateTimer);
    this.publishing?.close();
    this.stopScreen();
    for (const other of this.others.values()) other.session.close();
    this.others.clear();
  }

  /** All tiles in the order of the stage: screens first, ourselves last. */
  tiles() {
    const others = [...this.others.values()].sort((a, b) => (b.label === 'screen') - (a.label === 'screen'));
    return [...others.map((other) => other.tile), this.sharing?.tile, this.tile].filter(Boolean);
  }

  say(text) {
    return this.publishing?.send(CHAT, JSON.stringify({ text })) ?? false;
  }

  tellState() {
    const state = { name: this.title, mic: Boolean(this.media.audio?.enabled), camera: Boolean(this.media.video) };
    this.publishing?.send(STATE, JSON.stringify(state));
  }

  /** Puts another microphone on the wire. */
  async useAudio(track) {
    await this.#sender('audio')?.replaceTrack(track);
    this.setMuted(!track.enabled);
  }

  setMuted(muted) {
    if (this.media.audio) this.media.audio.enabled = !muted;
    this.tile?.muted(muted);
    this.tellState();
  }

  /** Puts a camera on the wire, or none. */
  async useVideo(track) {
    if (track) this.#showOwn(track);
    else this.tile?.removeVideo();
    await this.#sender('video')?.replaceTrack(track);
    this.tellState();
  }

  async startScreen({ video, audio }) {
    const stream = new MediaStream([video, audio].filter(Boolean));
    const prepare = (pc) => {
      pc.addTransceiver(video, {
        direction: 'sendonly', streams: [stream], sendEncodings: [{ maxBitrate: 2_500_000, maxFramerate: 30 }],
      });
      if (audio) pc.addTransceiver(audio, { direction: 'sendonly', streams: [stream] });
    };
    const session = new Session(`${this.#url('whip', this.name)}?label=screen`, this.token, prepare);
    const tile = new Tile({ name: this.title, screen: true, own: true });
    tile.add(video);
    tile.dark(false);
    this.sharing = { session, tile, stream };
    video.onended = () => { this.stopScreen(); this.#tell('tiles'); };
    session.addEventListener('problem', ({ detail }) => this.#tell('notice', detail.message));
    this.#tell('tiles');
    try {
      await session.open();
    } catch (error) {
      this.stopScreen();
      this.#tell('tiles');
      throw error;
    }
  }

  stopScreen() {
    const { session, stream } = this.sharing ?? {};
    this.sharing = null;
    session?.close();
    for (const track of stream?.getTracks() ?? []) track.stop();
  }

  async setSpeaker(deviceId) {
    for (const { tile } of this.others.values()) await tile.video.setSinkId?.(deviceId).catch(() => {});
    this.sink = deviceId;
  }

  #tell(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }

  #url(protocol, peer) {
    return `/${protocol}/${encodeURIComponent(this.room)}/${encodeURIComponent(peer)}`;
  }

  #sender(kind) {
    return this.publishing?.pc?.getTransceivers().find((t) => t.receiver.track.kind === kind)?.sender;
  }

  #showOwn(track) {
    if (!this.tile) return;
    this.tile.add(track);
    this.tile.dark(false);
  }

  /** Without a device the section is offered all the same, so that it can be switched on later. */
  #prepare(pc) {
    const { audio, video } = this.media;
    const stream = new MediaStream([audio, video].filter(Boolean));
    const say = { direction: 'sendonly', streams: [stream] };
    pc.addTransceiver(audio ?? 'audio', say);
    pc.addTransceiver(video ?? 'video', { ...say, sendEncodings: LAYERS.map((layer) => ({ ...layer })) });
  }

  async #listen() {
    try {
      await listen(this.room, this.token, this.ending.signal, (name, data) => this.#heard(name, data), (connected) => {
        this.listening = connected;
        this.#report();
      });
    } catch (error) {
      this.#tell('over', error.message);
    }
  }

  #heard(name, data) {
    switch (name) {
      case 'peers': {
        const present = new Set(data.peers.map(key));
        for (const other of this.others.keys()) if (!present.has(other)) this.#drop(other);
        for (const source of data.peers) this.#play(source);
        break;
      }
      case 'peer_published': this.#play(data); break;
      case 'peer_unpublished': this.#drop(key(data)); break;
      case 'active_speaker': {
        for (const other of this.others.values()) other.tile.speaking(other.peer === data.peer && other.label !== 'screen');
        this.tile?.speaking(data.peer === this.name);
        break;
      }
      case 'room_closed': this.#tell('over', 'The room was closed.'); break;
      default: // A newer node may tell more.
    }
    this.#tell('people', new Set([...this.others.values()].map((other) => other.peer)).size + (this.publishing ? 1 : 0));
  }

  #play(source) {
    const { peer, label } = source;
    if (peer === this.name || this.others.has(key(source))) return;
    const screen = label === 'screen';
    const tile = new Tile({ name: label === 'camera' || screen ? peer : `${peer} (${label})`, screen });
    const prepare = (pc) => {
      pc.addTransceiver('audio', { direction: 'recvonly' });
      pc.addTransceiver('video', { direction: 'recvonly' });
    };
    const url = `${this.#url('whep', peer)}?label=${encodeURIComponent(label)}`;
    const session = new Session(url, this.token, prepare, screen ? [] : [CHAT, STATE]);
    this.others.set(key(source), { peer, label, tile, session });
    tile.waiting('connecting…');
    session.addEventListener('track', async ({ track: { track } }) => {
      tile.add(track);
      if (this.sink) tile.video.setSinkId?.(this.sink).catch(() => {});
      track.addEventListener('unmute', () => track.kind === 'video' && tile.dark(false));
      if (!await tile.play()) this.#tell('sound');
    });
    session.addEventListener('state', ({ detail: state }) => {
      tile.waiting({ connected: '', failed: 'not available' }[state] ?? `${state}…`);
      this.#report();
    });
    session.addEventListener('problem', ({ detail }) => this.#tell('notice', `${peer}: ${detail.message}`));
    session.addEventListener('message', ({ detail }) => this.#message(peer, tile, detail));
    this.#tell('tiles');
    session.open().catch((error) => {
      if (this.others.get(key(source))?.session !== session) return;
      if (error.passing) {
        session.retry();
      } else {
        tile.waiting('not available');
        this.#tell('notice', `${peer}: ${error.message}`);
      }
    });
  }

  #drop(name) {
    const other = this.others.get(name);
    if (!other) return;
    this.others.delete(name);
    other.session.close();
    this.#tell('tiles');
  }

  #message(peer, tile, { channel, data }) {
    const text = typeof data === 'string' ? data : new TextDecoder().decode(data);
    let parsed = null;
    try { parsed = JSON.parse(text); } catch { /* plain text of another client */ }
    if (channel === STATE) {
      if (parsed && typeof parsed === 'object') {
        tile.muted(parsed.mic === false);
        if (parsed.camera === false) tile.dark(true);
        if (typeof parsed.name === 'string' && parsed.name.trim()) {
          const title = parsed.name.trim().slice(0, 64);
          for (const other of this.others.values()) if (other.peer === peer) other.tile.rename(title);
        }
      }
    } else if (channel === CHAT) {
      const words = typeof parsed?.text === 'string' ? parsed.text : text;
      if (words) this.#tell('chat', { name: tile.name, text: words.slice(0, 4000) });
    }
  }

  #measure() {
    this.tile?.measure(this.publishing?.pc);
    this.sharing?.tile.measure(this.sharing.session.pc);
    for (const { tile, session } of this.others.values()) tile.measure(session.pc);
  }

  #report() {
    const own = this.publishing?.state ?? 'connected';
    if (own === 'failed') this.#tell('state', { state: 'bad', text: 'not connected' });
    else if (own !== 'connected') this.#tell('state', { state: 'busy', text: `${own}…` });
    else if (!this.listening) this.#tell('state', { state: 'busy', text: 'reconnecting…' });
    else this.#tell('state', { state: '', text: 'connected' });
  }
}

function key({ peer, label }) { return `${peer}\n${label}`; }
