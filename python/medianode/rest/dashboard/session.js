// One WHIP or WHEP session: offer out, answer in, kept alive through network changes. Knows no room and draws nothing.

import { call, Refused } from './problems.js';

const GRACE_MS = 2500;
const RETRY_MS = [500, 1000, 2000, 4000, 8000, 15000];

/**
 * Events: `state` (detail: connecting | connected | reconnecting | failed), `track` (RTCTrackEvent),
 * `message` (detail: {channel, data}), `problem` (detail: Error).
 */
export class Session extends EventTarget {
  /**
   * @param {string} url of the endpoint
   * @param {string} token
   * @param {(pc: RTCPeerConnection) => void} prepare adds transceivers; called again for each new connection
   * @param {string[]} channels labels of data channels to open
   */
  constructor(url, token, prepare, channels = []) {
    super();
    this.url = url;
    this.token = token;
    this.prepare = prepare;
    this.labels = channels;
    this.state = 'connecting';
    this.attempt = 0;
    this.closed = false;
  }

  /** Opens the session. Throws `Refused` when the node says no for good. */
  async open() {
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' });
    this.pc = pc;
    this.channels = {};
    pc.ontrack = (event) => this.dispatchEvent(Object.assign(new Event('track'), { track: event }));
    pc.onconnectionstatechange = () => this.#watch(pc);
    pc.oniceconnectionstatechange = () => this.#watch(pc);
    this.prepare(pc);
    for (const label of this.labels) this.#adopt(pc.createDataChannel(label));
    pc.ondatachannel = (event) => this.#adopt(event.channel);
    await pc.setLocalDescription();
    const response = await call(this.url, {
      method: 'POST',
      headers: { Authorization: `Bearer ${this.token}`, 'Content-Type': 'application/sdp' },
      body: pc.localDescription.sdp,
    });
    const answer = await response.text();
    this.location = new URL(response.headers.get('Location'), response.url).href;
    if (this.closed || this.pc !== pc) {
      this.#forget(this.location);
      pc.close();
      return;
    }
    // The node finds us by our checks, so that our candidates need not be told.
    await pc.setRemoteDescription({ type: 'answer', sdp: answer });
  }

  /** Keeps trying after an `open` that failed for a passing reason. */
  retry() { this.#again(); }

  /** Sends text on a channel of ours; false when it is not open. */
  send(label, text) {
    const channel = this.channels?.[label];
    if (channel?.readyState !== 'open') return false;
    channel.send(text);
    return true;
  }

  /** Ends the session at both ends; also from `pagehide`. */
  close() {
    if (this.closed) return;
    this.closed = true;
    clearTimeout(this.timer);
    if (this.location) this.#forget(this.location);
    this.pc?.close();
  }

  #forget(location) {
    fetch(location, { method: 'DELETE', headers: { Authorization: `Bearer ${this.token}` }, keepalive: true }).catch(() => {});
  }

  #adopt(channel) {
    channel.binaryType = 'arraybuffer';
    this.channels[channel.label] ??= channel;
    channel.onmessage = (event) => this.#tell('message', { channel: channel.label, data: event.data });
    channel.onopen = () => this.#tell('channel', channel.label);
  }

  #tell(type, detail) { this.dispatchEvent(new CustomEvent(type, { detail })); }

  #become(state) {
    if (this.state === state || this.closed) return;
    this.state = state;
    this.#tell('state', state);
  }

  #watch(pc) {
    if (pc !== this.pc || this.closed) return;
    const ice = pc.iceConnectionState;
    if (pc.connectionState === 'connected' && (ice === 'connected' || ice === 'completed')) {
      clearTimeout(this.timer);
      this.timer = undefined;
      this.attempt = 0;
      this.#become('connected');
    } else if (pc.connectionState === 'failed' || ice === 'failed') {
      this.#recover(0);
    } else if (ice === 'disconnected') {
      this.#recover(GRACE_MS);
    }
  }

  #recover(delay) {
    if (this.timer !== undefined) return;
    this.timer = setTimeout(async () => {
      this.timer = undefined;
      const pc = this.pc;
      if (this.closed || pc.connectionState === 'connected' && pc.iceConnectionState !== 'disconnected') return;
      this.#become('reconnecting');
      try {
        await this.#restart(pc);
        // A restart that leads nowhere ends in `failed`, or in this.
        this.timer = setTimeout(() => { this.timer = undefined; this.#again(); }, 6000);
      } catch {
        this.#again();
      }
    }, delay);
  }

  /** ICE restart (RFC 9725 section 4.3.3): the DTLS association and all it carries stay. */
  async #restart(pc) {
    if (pc.connectionState === 'failed' && pc.iceConnectionState !== 'failed') throw new Error('DTLS is over');
    await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
    const offer = pc.localDescription.sdp;
    const media = offer.match(/^m=.*$/m)[0];
    const lines = [line(offer, 'ice-ufrag'), line(offer, 'ice-pwd'), media, line(offer, 'mid')].filter(Boolean);
    const response = await call(this.location, {
      method: 'PATCH',
      headers: { Authorization: `Bearer ${this.token}`, 'Content-Type': 'application/trickle-ice-sdpfrag', 'If-Match': '"*"' },
      body: `${lines.join('\r\n')}\r\n`,
    });
    const fragment = await response.text();
    const sdp = pc.remoteDescription.sdp
      .replace(/^a=ice-ufrag:.*$/gm, line(fragment, 'ice-ufrag'))
      .replace(/^a=ice-pwd:.*$/gm, line(fragment, 'ice-pwd'));
    await pc.setRemoteDescription({ type: 'answer', sdp });
  }

  /** A new session in place of this one, as often as it takes. */
  async #again() {
    if (this.closed) return;
    this.#become('reconnecting');
    if (this.location) this.#forget(this.location);
    this.location = undefined;
    this.pc?.close();
    const wait = RETRY_MS[Math.min(this.attempt, RETRY_MS.length - 1)] * (0.75 + Math.random() / 2);
    this.attempt += 1;
    this.timer = setTimeout(async () => {
      this.timer = undefined;
      try {
        await this.open();
      } catch (error) {
        if (error instanceof Refused && !error.passing && error.status !== 409 && error.status !== 404) {
          this.#become('failed');
          this.#tell('problem', error);
        } else {
          this.#again();
        }
      }
    }, wait);
  }
}

function line(sdp, name) {
  return sdp.match(new RegExp(`^a=${name}:.*$`, 'm'))?.[0].trim();
}
