// Huddle01's React SDK as an app uses it: joins, turns camera and microphone on, shows everybody else.
import { HuddleClient, HuddleProvider, useLocalAudio, useLocalVideo, usePeerIds, useRemoteAudio, useRemoteVideo, useRoom } from "@huddle01/react";
import { useEffect, useRef } from "react";
import { createRoot } from "react-dom/client";

function Media({ kind, stream, name }) {
  const element = useRef(null);
  useEffect(() => { if (element.current) element.current.srcObject = stream ?? null; }, [stream]);
  const Tag = kind;
  return <Tag ref={element} title={`${name}/${kind}`} autoPlay muted playsInline />;
}

function Remote({ peerId }) {
  const { stream: video } = useRemoteVideo({ peerId }), { stream: audio } = useRemoteAudio({ peerId });
  return (
    <article aria-label={peerId}>
      <Media kind="video" name={peerId} stream={video} />
      <Media kind="audio" name={peerId} stream={audio} />
    </article>
  );
}

function Call({ room, token }) {
  const { joinRoom, state } = useRoom(), { enableVideo } = useLocalVideo(), { enableAudio } = useLocalAudio();
  const { peerIds } = usePeerIds();
  return (
    <main>
      <output>{state}</output>
      <button onClick={() => joinRoom({ roomId: room, token })}>Join</button>
      <button onClick={() => enableVideo()}>Camera</button>
      <button onClick={() => enableAudio()}>Microphone</button>
      {peerIds.map((peerId) => <Remote key={peerId} peerId={peerId} />)}
    </main>
  );
}

window.start = ({ api, room, token }) => {
  const client = new HuddleClient({ projectId: "test", options: { huddle_api_url: api } });
  client.setRegion("EU");
  window.client = client;
  createRoot(document.body.appendChild(document.createElement("div"))).render(
    <HuddleProvider client={client}><Call room={room} token={token} /></HuddleProvider>,
  );
};
