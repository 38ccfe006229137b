"""WHIP and WHEP clients over aiortc: real ICE, DTLS, SRTP and SCTP in Python."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import httpx
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, MediaStreamTrack, VideoStreamTrack


@dataclass
class RtcClient:
    """One peer connection with the session that it was answered with."""

    base_url: str
    token: str
    pc: RTCPeerConnection = field(default_factory=lambda: RTCPeerConnection(RTCConfiguration(iceServers=[])))
    location: str = ""
    etag: str = ""
    answer: str = ""
    frames: dict[str, int] = field(default_factory=dict)
    messages: list[Any] = field(default_factory=list)
    channel: RTCDataChannel | None = None
    _readers: list[asyncio.Task[None]] = field(default_factory=list)

    async def publish(self, path: str, *, audio: bool = True, video: bool = True, chat: bool = False) -> None:
        if audio:
            self.pc.addTransceiver(AudioStreamTrack(), direction="sendonly")
        if video:
            self.pc.addTransceiver(VideoStreamTrack(), direction="sendonly")
        if chat:
            self.channel = self.pc.createDataChannel("chat")
        await self._exchange(path)

    async def play(self, path: str, *, audio: bool = True, video: bool = True, chat: bool = False) -> None:
        for kind, wanted in (("audio", audio), ("video", video)):
            if wanted:
                self.pc.addTransceiver(kind, direction="recvonly")
        self.pc.on("track", self._read)
        self.pc.on("datachannel", self._channel)
        if chat:
            self._channel(self.pc.createDataChannel("chat"))
        await self._exchange(path)

    async def until(self, condition: str, seconds: float = 20) -> None:
        """Waits until an expression over ``c`` (this client) holds."""
        code = compile(condition, condition, "eval")
        try:
            async with asyncio.timeout(seconds):
                while not eval(code, {"c": self}):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except TimeoutError:
            state = f"{self.pc.connectionState} {self.frames} {self.messages}"
            raise AssertionError(f"never: {condition}; {state}") from None

    async def close(self) -> int:
        for reader in self._readers:
            reader.cancel()
        await self.pc.close()
        async with httpx.AsyncClient() as http:
            return (await http.delete(self.base_url + self.location, headers=self._headers())).status_code

    async def _exchange(self, path: str) -> None:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        async with httpx.AsyncClient() as http:
            response = await http.post(
                self.base_url + path,
                content=self.pc.localDescription.sdp,
                headers={**self._headers(), "Content-Type": "application/sdp"},
            )
        assert response.status_code == 201, f"{response.status_code} {response.text}"
        self.location, self.etag, self.answer = (
            response.headers["location"],
            response.headers["etag"],
            response.text,
        )
        await self.pc.setRemoteDescription(RTCSessionDescription(response.text, "answer"))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def _read(self, track: MediaStreamTrack) -> None:
        async def read() -> None:
            while True:
                try:
                    await track.recv()
                except MediaStreamError:
                    return
                self.frames[track.kind] = self.frames.get(track.kind, 0) + 1

        self._readers.append(asyncio.create_task(read()))

    def _channel(self, channel: RTCDataChannel) -> None:
        self.channel = channel
        channel.on("message", self.messages.append)
