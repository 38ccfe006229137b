// Huddle01's SDK in a tab, and what the tests ask of it, as plain values. One client a page.
import { HuddleClient } from "@huddle01/web-core";

const REQUESTS = `connectRoom createTransport connectTransport produce produceData consume closeProducer closeConsumer resumeConsumer
  syncMeetingState restartTransportIce sendData updateRoomControls updatePeerPermission activateSpeakerNotification updatePeerRole
  updatePeerMetadata updateRoomMetadata closeStreamOfLabel acceptLobbyPeer denyLobbyPeer kickPeer closeRoom createDataConsumer
  pauseProducer resumeProducer`.split(/\s+/);
const RESPONSES = `hello connectRoomResponse createTransportOnClient produceResponse produceDataResponse syncMeetingStateResponse
  consumeResponse closeProducerSuccess closeConsumerSuccess connectTransportResponse restartTransportIceResponse newPeerJoined
  newLobbyPeer newPermissions newRoomControls newPeerRole receiveData peerMetadataUpdated roomMetadataUpdated roomClosedProducers
  peerLeft lobbyPeerLeft waitingRoom error consumeDataResponse pauseProducerSuccess resumeProducerSuccess`.split(/\s+/);
const LOUD = 0.1, HEARD_FOR_MS = 2000;

const events = [], frames = [], sockets = [], connections = [], players = new Map();
let client = null;

// The number of the first field, which is the member of the envelope.
function member(data) {
  const bytes = new Uint8Array(data.buffer ?? data, data.byteOffset ?? 0);
  return (bytes[0] & 0x80 ? (bytes[0] & 0x7f) | (bytes[1] << 7) : bytes[0]) >> 3;
}

class RecordingSocket extends WebSocket {
  constructor(...rest) {
    super(...rest);
    sockets.push(this);
    this.addEventListener("message", ({ data }) => frames.push(RESPONSES[member(data) - 1]));
    this.addEventListener("close", ({ code }) => frames.push(`closed ${code}`));
  }

  send(data) {
    frames.push(REQUESTS[member(data) - 2]);
    super.send(data);
  }
}

// Knows the connections in use and, when `relays` holds ports, sends each through its own.
window.RTCPeerConnection = class extends RTCPeerConnection {
  setRemoteDescription({ type, sdp }) {
    if (!connections.includes(this)) {
      this.relay = window.relays?.[connections.length];
      connections.push(this);
    }
    if (!this.relay) return super.setRemoteDescription({ type, sdp });
    const lines = sdp.split("\r\n").filter((line) => !/^a=candidate:.* tcp /i.test(line))
      .map((line) => line.replace(/^(a=candidate:\S+ \d+ udp \d+ )(\S+) \d+ /i, `$1127.0.0.1 ${this.relay} `));
    return super.setRemoteDescription({ type, sdp: lines.join("\r\n") });
  }
};

// What of an event can leave the page.
function plain(value, depth = 0) {
  if (value === null || typeof value !== "object") return typeof value === "function" ? undefined : value;
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1));
  if (value.constructor !== Object || depth > 3) return undefined;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item, depth + 1)]));
}

function watch(emitter, source, names) {
  for (const name of names) emitter.on(name, (data) => events.push({ source, name, ...plain(data) }));
}

window.join = async ({ api, token, room, region = "EU", options = {} }) => {
  if (!client) {
    client = new HuddleClient({
      projectId: "test", options: { huddle_api_url: api, wsPolyfill: RecordingSocket, ...options },
    });
    window.client = client;
    if (region) client.setRegion(region);
    watch(client.room, "room", [
      "room-joined", "room-closed", "room-waiting", "new-peer-joined", "peer-left", "new-lobby-peer", "lobby-peers-updated",
      "metadata-updated", "room-controls-updated", "room-notification", "active-speakers-change", "received-volatile-data",
      "room-role-updated", "stream-added", "stream-closed",
    ]);
    watch(client.localPeer, "local", [
      "receive-data", "metadata-updated", "permissions-updated", "role-updated", "stream-playable", "stream-closed",
      "reconnected", "ice-transport-restarted",
    ]);
    watch(client.socket, "socket", ["reconnecting", "reconnected", "closed"]);
    setInterval(tend, 50);
  }
  await client.joinRoom({ roomId: room, token });
};

// Plays what was consumed, and listens.
function tend() {
  const present = new Set();
  for (const [id, peer] of client.room.remotePeers) {
    for (const label of peer.labels) {
      const track = peer.getConsumer(label)?.track;
      if (!track || track.readyState === "ended") continue;
      const key = `${id}/${label}`;
      present.add(key);
      if (players.get(key)?.track !== track) {
        players.get(key)?.element.remove();
        players.set(key, play(key, track));
      }
      listen(players.get(key));
    }
  }
  for (const [key, { element }] of players) {
    if (present.has(key)) continue;
    element.remove();
    players.delete(key);
  }
}

function play(key, track) {
  const element = document.createElement(track.kind);
  Object.assign(element, { srcObject: new MediaStream([track]), autoplay: true, muted: true, playsInline: true, title: key });
  document.body.append(element);
  const player = { track, element, heardAt: -Infinity };
  if (track.kind === "audio") {
    window.ear ??= new AudioContext();
    player.analyser = window.ear.createAnalyser();
    player.samples = new Float32Array(player.analyser.fftSize);
    window.ear.createMediaStreamSource(element.srcObject).connect(player.analyser);
  }
  return player;
}

function listen(player) {
  if (!player.analyser) return;
  player.analyser.getFloatTimeDomainData(player.samples);
  if (player.samples.some((sample) => Math.abs(sample) > LOUD)) player.heardAt = performance.now();
}

async function lookAtStream(consumer, key) {
  const player = players.get(key);
  const found = { state: consumer?.state, producerId: consumer?.producerId, kind: player?.track.kind };
  if (!player || !consumer) return found;
  for (const entry of (await consumer.getStats() ?? new Map()).values()) {
    if (entry.type === "inbound-rtp") {
      Object.assign(found, { frames: entry.framesDecoded, bytes: entry.bytesReceived, frameHeight: entry.frameHeight });
    }
    if (entry.type === "codec") found.codec = entry.mimeType;
  }
  if (player.track.kind === "audio") found.heard = performance.now() - player.heardAt < HEARD_FOR_MS;
  const { videoWidth: width, videoHeight: height, currentTime: time } = player.element;
  return { ...found, width, height, time, seen: Boolean(width) && time > 0 && found.frames > 5 };
}

async function lookAtPeer(id, peer) {
  const streams = {};
  for (const label of peer.labels) streams[label] = await lookAtStream(peer.getConsumer(label), `${id}/${label}`);
  return { role: peer.role, metadata: peer.getMetadata(), streams };
}

async function lookAtConnection(connection) {
  const stats = await connection.getStats(), found = { state: connection.connectionState, outbound: [] };
  for (const entry of stats.values()) {
    if (entry.type === "transport") Object.assign(found, { dtls: entry.dtlsState, dtlsRole: entry.dtlsRole, iceRole: entry.iceRole });
    if (entry.type === "outbound-rtp") {
      const { rid, active, frameHeight, framesSent, bytesSent, kind } = entry;
      found.outbound.push({ rid, active, frameHeight, framesSent, bytesSent, kind, codec: stats.get(entry.codecId)?.mimeType });
    }
  }
  return found;
}

window.look = async () => {
  const { room, localPeer } = client, peers = {};
  for (const [id, peer] of room.remotePeers) peers[id] = await lookAtPeer(id, peer);
  return {
    state: room.state, socket: client.socket.connectionState, peers, events, frames,
    me: localPeer.peerId, role: localPeer.role, permissions: plain(localPeer.permissions), labels: localPeer.labels,
    config: plain(room.config), lobby: room.lobbyPeerIds, ownMetadata: localPeer.getMetadata(), roomMetadata: room.getMetadata(),
    connections: await Promise.all(connections.map(lookAtConnection)),
  };
};

// A picture that costs little to encode, for rooms with many tabs.
window.smallPicture = () => navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 180, frameRate: 10 } });

// A sound that lasts, unlike the synthetic microphone's beeps, which are too short for speech.
window.voice = () => {
  window.mouth ??= new AudioContext();
  const tone = window.mouth.createOscillator(), output = window.mouth.createMediaStreamDestination();
  tone.connect(output);
  tone.start();
  return output.stream;
};

window.lastSocket = () => sockets.at(-1);
