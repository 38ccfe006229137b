// What getStats says of one session, as rates. Knows no drawing.

/** Turns successive reports of one RTCPeerConnection into rates. */
export class Meter {
  #last = new Map();

  /**
   * @returns {Promise<{bitrate: number, loss: number, rtt: number, layers: string, frames: number, limited: string}>}
   * bit/s, percent, ms, words, frames in this interval, what limits the encoder.
   */
  async read(pc) {
    const report = await pc.getStats();
    const sum = { bytes: 0, lost: 0, packets: 0, frames: 0 };
    const result = { bitrate: NaN, loss: NaN, rtt: NaN, layers: '', frames: 0, limited: '' };
    const layers = [];
    let fractions = [];
    for (const stat of report.values()) {
      if (stat.type === 'inbound-rtp') {
        this.#take(stat, sum, stat.bytesReceived, stat.packetsReceived, stat.packetsLost, stat.framesDecoded);
        if (stat.kind === 'video' && stat.frameWidth) layers.push(picture(stat));
      } else if (stat.type === 'outbound-rtp') {
        const moved = this.#take(stat, sum, stat.bytesSent, stat.packetsSent, 0, stat.framesEncoded);
        if (stat.kind === 'video' && moved > 0) layers.push(`${stat.rid ? `${stat.rid} ` : ''}${picture(stat)}`);
        if (stat.qualityLimitationReason && stat.qualityLimitationReason !== 'none') result.limited = stat.qualityLimitationReason;
      } else if (stat.type === 'remote-inbound-rtp') {
        if (Number.isFinite(stat.fractionLost)) fractions.push(stat.fractionLost);
        if (Number.isFinite(stat.roundTripTime) && Number.isNaN(result.rtt)) result.rtt = stat.roundTripTime * 1000;
      } else if (stat.type === 'candidate-pair' && stat.nominated && Number.isFinite(stat.currentRoundTripTime)) {
        result.rtt = stat.currentRoundTripTime * 1000;
      }
    }
    const now = performance.now();
    if (this.then) result.bitrate = Math.max(0, sum.bytes * 8000 / (now - this.then));
    this.then = now;
    const received = sum.packets + Math.max(0, sum.lost);
    if (fractions.length) result.loss = 100 * Math.max(...fractions);
    else if (received > 0) result.loss = 100 * Math.max(0, sum.lost) / received;
    result.frames = sum.frames;
    result.layers = layers.join(' · ');
    return result;
  }

  #take(stat, sum, bytes = 0, packets = 0, lost = 0, frames = 0) {
    const last = this.#last.get(stat.id) ?? { bytes, packets, lost, frames };
    this.#last.set(stat.id, { bytes, packets, lost, frames });
    const moved = Math.max(0, bytes - last.bytes);
    sum.bytes += moved;
    sum.packets += Math.max(0, packets - last.packets);
    sum.lost += lost - last.lost;
    sum.frames += Math.max(0, frames - last.frames);
    return moved;
  }
}

function picture(stat) {
  const rate = stat.framesPerSecond ? ` @${Math.round(stat.framesPerSecond)}` : '';
  return `${stat.frameWidth}×${stat.frameHeight}${rate}`;
}

export const bits = (value) => (value >= 1e6 ? `${(value / 1e6).toFixed(1)} Mbit/s` : `${Math.round(value / 1000)} kbit/s`);
export const percent = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} %`;
export const milliseconds = (value) => `${Math.round(value)} ms`;
