// Small WHIP and WHEP clients for the tests, run inside a real browser. Owns the peer connections in window.sessions.
window.sessions = {};

async function post(url, token, pc, rewrite) {
  await pc.setLocalDescription(await pc.createOffer());
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/sdp", authorization: `Bearer ${token}` },
    body: pc.localDescription.sdp,
  });
  const text = await response.text();
  if (response.status !== 201) throw new Error(`${url}: ${response.status} ${text}`);
  const answer = rewrite ? rewrite(text) : text;
  await pc.setRemoteDescription({ type: "answer", sdp: answer });
  return {
    resource: new URL(response.headers.get("location"), location.href).href,
    etag: response.headers.get("etag"),
    answer,
  };
}

// Sends UDP candidates through a relay's port and drops TCP ones.
window.throughPort = (port) => (sdp) =>
  sdp.split("\r\n").filter((line) => !/^a=candidate:.* tcp /i.test(line))
    .map((line) => line.replace(/^(a=candidate:\S+ \d+ udp \d+ )(\S+) \d+ /i, `$1127.0.0.1 ${port} `))
    .join("\r\n");

window.onlyTcp = (sdp) => sdp.split("\r\n").filter((line) => !/^a=candidate:.* udp /i.test(line)).join("\r\n");

window.publish = async ({ name, url, token, simulcast, codec, video = true, audio = true, chat = false, rewrite }) => {
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  const media = await navigator.mediaDevices.getUserMedia({
    audio, video: video && { width: 1280, height: 720, frameRate: 30 },
  });
  const session = { pc, media, messages: [] };
  window.sessions[name] = session;
  for (const track of media.getTracks()) {
    const sendEncodings = track.kind === "video" && simulcast
      ? [{ rid: "q", scaleResolutionDownBy: 4 }, { rid: "h", scaleResolutionDownBy: 2 }, { rid: "f" }]
      : undefined;
    const transceiver = pc.addTransceiver(track, { direction: "sendonly", streams: [media], sendEncodings });
    if (track.kind === "video" && codec) {
      const codecs = RTCRtpSender.getCapabilities("video").codecs;
      transceiver.setCodecPreferences([
        ...codecs.filter((c) => c.mimeType === `video/${codec}`), ...codecs.filter((c) => c.mimeType === "video/rtx"),
      ]);
    }
  }
  if (chat) session.chat = pc.createDataChannel("chat");
  Object.assign(session, await post(url, token, pc, rewrite && eval(rewrite)));
  return { resource: session.resource, etag: session.etag, answer: session.answer };
};

window.play = async ({ name, url, token, video = true, audio = true, chat = false, rewrite }) => {
  const pc = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  const session = { pc, messages: [] };
  window.sessions[name] = session;
  const stream = new MediaStream();
  const element = document.createElement("video");
  Object.assign(element, { srcObject: stream, autoplay: true, muted: true, playsInline: true });
  document.body.append(element);
  session.element = element;
  pc.ontrack = (event) => stream.addTrack(event.track);
  if (audio) pc.addTransceiver("audio", { direction: "recvonly" });
  if (video) pc.addTransceiver("video", { direction: "recvonly" });
  if (chat) {
    session.chat = pc.createDataChannel("chat");
    session.chat.onmessage = (event) => session.messages.push(event.data);
  }
  Object.assign(session, await post(url, token, pc, rewrite && eval(rewrite)));
  return { resource: session.resource, etag: session.etag, answer: session.answer };
};

// ICE restart (RFC 9725 section 4.3.3); resolves to the status and the new tag.
window.restart = async (name, token, tag) => {
  const session = window.sessions[name];
  const { pc } = session;
  await pc.setLocalDescription(await pc.createOffer({ iceRestart: true }));
  const line = (sdp, start) => sdp.split("\r\n").find((each) => each.startsWith(start));
  const { sdp } = pc.localDescription;
  const fragment = ["a=ice-ufrag:", "a=ice-pwd:", "m=", "a=mid:"].map((start) => line(sdp, start)).join("\r\n") + "\r\n";
  const response = await fetch(session.resource, {
    method: "PATCH",
    headers: { "content-type": "application/trickle-ice-sdpfrag", authorization: `Bearer ${token}`, "if-match": tag },
    body: fragment,
  });
  if (response.status !== 200) {
    await pc.setLocalDescription({ type: "rollback" });
    return [response.status, null];
  }
  const fresh = await response.text();
  const answer = session.answer.replace(/^a=ice-ufrag:.*$/gm, line(fresh, "a=ice-ufrag:"))
    .replace(/^a=ice-pwd:.*$/gm, line(fresh, "a=ice-pwd:"));
  await pc.setRemoteDescription({ type: "answer", sdp: answer });
  session.answer = answer;
  return [response.status, response.headers.get("etag")];
};

// Everything that the tests ask of a session, as plain values.
window.look = async (name) => {
  const { pc, element, messages } = window.sessions[name];
  const found = { state: pc.connectionState, ice: pc.iceConnectionState, messages, inbound: {}, outbound: [] };
  const stats = await pc.getStats();
  for (const entry of stats.values()) {
    if (entry.type === "transport") Object.assign(found, { srtpCipher: entry.srtpCipher, tlsVersion: entry.tlsVersion });
    if (entry.type === "candidate-pair" && entry.nominated) {
      found.protocol = stats.get(entry.localCandidateId)?.protocol;
      found.rtt = entry.currentRoundTripTime;
      found.available = entry.availableOutgoingBitrate;
    }
    if (entry.type === "inbound-rtp") found.inbound[entry.kind] = entry;
    if (entry.type === "outbound-rtp") found.outbound.push(entry);
  }
  if (element) Object.assign(found, { width: element.videoWidth, height: element.videoHeight, paused: element.paused });
  return found;
};

window.leave = async (name, token) => {
  const session = window.sessions[name];
  const response = await fetch(session.resource, { method: "DELETE", headers: { authorization: `Bearer ${token}` } });
  session.pc.close();
  session.media?.getTracks().forEach((track) => track.stop());
  session.element?.remove();
  delete window.sessions[name];
  return response.status;
};
