// WHIP and WHEP in front of one mediasoup worker, as far as the load generator needs them: one medium each way, a name for each publisher.
// Prints the worker's process number, which `medianode bench --pid` wants.

import { createServer } from 'node:http';
import { createWorker } from 'mediasoup';
import * as sdp from 'sdp-transform';

const HOST = '127.0.0.1';
const HTTP_PORT = 45000;
const MEDIA_PORT = 45001;
const MAX_OFFER_BYTES = 65536;
/** Header extensions that the node under comparison negotiates with the same clients. */
const EXTENSIONS = [
  'urn:ietf:params:rtp-hdrext:sdes:mid',
  'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01',
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
];
const CODECS = [
  { kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2, rtcpFeedback: [{ type: 'transport-cc' }] },
  {
    kind: 'video',
    mimeType: 'video/VP8',
    clockRate: 90000,
    rtcpFeedback: [
      { type: 'nack' },
      { type: 'nack', parameter: 'pli' },
      { type: 'ccm', parameter: 'fir' },
      { type: 'transport-cc' },
    ],
  },
];

const worker = await createWorker({ logLevel: 'warn' });
worker.on('died', (error) => {
  console.error(error);
  process.exit(1);
});
const webRtcServer = await worker.createWebRtcServer({ listenInfos: [{ protocol: 'udp', ip: HOST, port: MEDIA_PORT }] });
const router = await worker.createRouter({ mediaCodecs: CODECS });
const transports = new Map();
const producers = new Map();
let sessions = 0;

const known = (extensions) => extensions.filter(({ uri }) => EXTENSIONS.includes(uri));

/** The offered medium and its codec of ours, as RtpParameters. */
function rtpParameters(medium) {
  const ours = CODECS.find(({ kind }) => kind === medium.type);
  const name = ours.mimeType.split('/')[1];
  const { payload } = medium.rtp.find(({ codec }) => codec.toLowerCase() === name.toLowerCase());
  const feedback = (medium.rtcpFb ?? []).filter((each) => each.payload === payload);
  const codecs = [
    {
      ...ours,
      payloadType: payload,
      rtcpFeedback: feedback.map(({ type, subtype }) => ({ type, parameter: subtype ?? '' })),
    },
  ];
  const repair = (medium.fmtp ?? []).find(({ config }) => config.includes(`apt=${payload}`));
  if (repair) {
    const parameters = { apt: payload };
    codecs.push({ mimeType: `${medium.type}/rtx`, clockRate: ours.clockRate, payloadType: repair.payload, parameters });
  }
  const [ssrc, rtx] = new Set((medium.ssrcs ?? []).map(({ id }) => id));
  return {
    mid: String(medium.mid),
    codecs,
    headerExtensions: known(medium.ext ?? []).map(({ value, uri }) => ({ id: value, uri })),
    encodings: ssrc === undefined ? [] : [{ ssrc, ...(repair && rtx !== undefined && { rtx: { ssrc: rtx } }) }],
    rtcp: { cname: 'bench' },
  };
}

function answer(transport, medium, parameters, direction) {
  const [encoding] = direction === 'sendonly' ? parameters.encodings : [];
  const ssrcs = encoding ? [encoding.ssrc, encoding.rtx?.ssrc].filter((ssrc) => ssrc !== undefined) : [];
  const repairs = parameters.codecs.filter(({ mimeType }) => mimeType.endsWith('/rtx'));
  const { usernameFragment, password } = transport.iceParameters;
  const fingerprint = transport.dtlsParameters.fingerprints.find(({ algorithm }) => algorithm === 'sha-256');
  return sdp.write({
    version: 0,
    origin: { username: '-', sessionId: 1, sessionVersion: 1, netType: 'IN', ipVer: 4, address: HOST },
    name: '-',
    timing: { start: 0, stop: 0 },
    icelite: 'ice-lite',
    groups: [{ type: 'BUNDLE', mids: parameters.mid }],
    media: [
      {
        type: medium.type,
        port: 9,
        protocol: medium.protocol,
        payloads: parameters.codecs.map(({ payloadType }) => payloadType).join(' '),
        connection: { version: 4, ip: '0.0.0.0' },
        mid: parameters.mid,
        direction,
        rtcpMux: 'rtcp-mux',
        rtcpRsize: 'rtcp-rsize',
        iceUfrag: usernameFragment,
        icePwd: password,
        fingerprint: { type: fingerprint.algorithm, hash: fingerprint.value },
        setup: 'passive',
        rtp: parameters.codecs.map(({ payloadType, mimeType, clockRate, channels }) => ({
          payload: payloadType,
          codec: mimeType.split('/')[1],
          rate: clockRate,
          encoding: channels > 1 ? channels : undefined,
        })),
        rtcpFb: parameters.codecs.flatMap(({ payloadType, rtcpFeedback }) =>
          (rtcpFeedback ?? []).map(({ type, parameter }) => ({ payload: payloadType, type, subtype: parameter || undefined })),
        ),
        fmtp: repairs.map(({ payloadType, parameters: { apt } }) => ({ payload: payloadType, config: `apt=${apt}` })),
        ext: parameters.headerExtensions.map(({ id, uri }) => ({ value: id, uri })),
        msid: encoding ? [{ id: 'bench', appdata: 'bench' }] : [],
        ssrcGroups: ssrcs.length > 1 ? [{ semantics: 'FID', ssrcs: ssrcs.join(' ') }] : [],
        ssrcs: ssrcs.map((id) => ({ id, attribute: 'cname', value: 'bench' })),
        candidates: transport.iceCandidates.map(({ foundation, priority, address, port }) => ({
          foundation,
          component: 1,
          transport: 'udp',
          priority,
          ip: address,
          port,
          type: 'host',
        })),
      },
    ],
  });
}

async function join(path, offer) {
  const [, verb, name] = path.split('/');
  const medium = offer.media.find(({ type }) => type !== 'application');
  const transport = await router.createWebRtcTransport({ webRtcServer, initialAvailableOutgoingBitrate: 5_000_000 });
  const { type: algorithm, hash: value } = medium.fingerprint ?? offer.fingerprint;
  await transport.connect({ dtlsParameters: { role: 'client', fingerprints: [{ algorithm, value }] } });
  const offered = rtpParameters(medium);
  const session = `/session/${++sessions}`;
  transports.set(session, transport);
  if (verb === 'whip') {
    producers.set(name, await transport.produce({ kind: medium.type, rtpParameters: offered }));
    return { session, text: answer(transport, medium, offered, 'recvonly') };
  }
  const rtpCapabilities = { ...router.rtpCapabilities, headerExtensions: known(router.rtpCapabilities.headerExtensions) };
  const producerId = producers.get(name).id;
  const { rtpParameters: sent } = await transport.consume({ producerId, rtpCapabilities, mid: offered.mid });
  return { session, text: answer(transport, medium, sent, 'sendonly') };
}

async function handle(request, response) {
  if (request.method === 'DELETE') {
    transports.get(request.url)?.close();
    transports.delete(request.url);
    return response.writeHead(200).end();
  }
  let body = '';
  for await (const part of request) {
    body += part;
    if (body.length > MAX_OFFER_BYTES) return response.writeHead(413).end();
  }
  const { session, text } = await join(request.url, sdp.parse(body));
  return response.writeHead(201, { 'content-type': 'application/sdp', location: session }).end(text);
}

createServer((request, response) => {
  handle(request, response).catch((error) => response.writeHead(500).end(String(error)));
}).listen(HTTP_PORT, HOST, () => {
  console.log(JSON.stringify({ url: `http://${HOST}:${HTTP_PORT}`, worker: worker.pid }));
});
