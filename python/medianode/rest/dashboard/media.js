// Camera, microphone, screen and the choice of devices. Knows no session.

import { deviceProblem, insecureReason } from './problems.js';

const VIDEO = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };

/** Simulcast, lowest first: 1/4, 1/2 and full size. */
export const LAYERS = [
  { rid: 'q', scaleResolutionDownBy: 4, maxBitrate: 150_000 },
  { rid: 'h', scaleResolutionDownBy: 2, maxBitrate: 500_000 },
  { rid: 'f', scaleResolutionDownBy: 1, maxBitrate: 1_700_000 },
];

export class Media {
  audio = null;
  video = null;
  chosen = { audioinput: '', videoinput: '', audiooutput: '' };

  /** A microphone track; throws an Error in plain words. */
  async openAudio() {
    this.audio?.stop();
    this.audio = await this.#open('audio', 'microphone', {
      echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...this.#exact('audioinput'),
    });
    return this.audio;
  }

  /** A camera track; throws an Error in plain words. */
  async openVideo() {
    this.video?.stop();
    this.video = await this.#open('video', 'camera', { ...VIDEO, ...this.#exact('videoinput') });
    this.video.contentHint = 'motion';
    return this.video;
  }

  closeVideo() {
    this.video?.stop();
    this.video = null;
  }

  close() {
    this.audio?.stop();
    this.audio = null;
    this.closeVideo();
  }

  /** Screen tracks chosen by the person; null when they changed their mind. */
  async openScreen() {
    if (!navigator.mediaDevices?.getDisplayMedia) {
      throw new Error(insecureReason() || 'This browser cannot share a screen.');
    }
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 15, max: 30 } }, audio: true });
      const [video] = stream.getVideoTracks();
      video.contentHint = 'detail';
      return { video, audio: stream.getAudioTracks()[0] || null };
    } catch (error) {
      if (error.name === 'NotAllowedError') return null;
      throw new Error(deviceProblem(error, 'screen'));
    }
  }

  /** Devices by kind; names are empty until a permission was given. */
  async devices() {
    const found = { audioinput: [], videoinput: [], audiooutput: [] };
    for (const device of await navigator.mediaDevices?.enumerateDevices() ?? []) found[device.kind]?.push(device);
    return found;
  }

  async #open(kind, what, constraints) {
    const reason = insecureReason();
    if (reason) throw new Error(reason);
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ [kind]: constraints });
      return stream.getTracks()[0];
    } catch (error) {
      throw new Error(deviceProblem(error, what));
    }
  }

  #exact(kind) {
    return this.chosen[kind] ? { deviceId: { exact: this.chosen[kind] } } : {};
  }
}
