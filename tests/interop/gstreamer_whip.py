"""GStreamer's webrtcbin as a WHIP publisher: VP8 and Opus test patterns. Run by the system's Python, which has its bindings.

Usage: gstreamer_whip.py URL CERTIFICATE, with the token in the environment variable TOKEN. Prints ``published`` when the answer
is set. CERTIFICATE is a PEM file with an ECDSA certificate and its key, in place of webrtcbin's own, which is RSA.
"""

import base64
import hashlib
import os
import re
import sys
import urllib.request
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

PIPELINE = """
webrtcbin name=rtc bundle-policy=max-bundle
videotestsrc is-live=true pattern=ball ! video/x-raw,width=640,height=360,framerate=30/1
  ! vp8enc deadline=1 keyframe-max-dist=60
  ! rtpvp8pay picture-id-mode=15-bit ! application/x-rtp,media=video,encoding-name=VP8,payload=96 ! rtc.
audiotestsrc is-live=true wave=ticks ! opusenc ! rtpopuspay
  ! application/x-rtp,media=audio,encoding-name=OPUS,payload=97 ! rtc.
"""


def publish(rtc, url, token, pem):
    def gathered(_rtc, _param):
        if rtc.get_property("ice-gathering-state") != GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            return
        text = rtc.get_property("local-description").sdp.as_text()
        # webrtcbin takes the key's lines in the PEM for a part of the certificate.
        text = re.sub("(?<=a=fingerprint:sha-256 ).*", fingerprint(pem), text)
        headers = {"Content-Type": "application/sdp", "Authorization": f"Bearer {token}"}
        request = urllib.request.Request(url, data=text.encode(), headers=headers, method="POST")
        with urllib.request.urlopen(request, timeout=10) as response:
            answer = response.read()
        _, message = GstSdp.SDPMessage.new()
        GstSdp.sdp_message_parse_buffer(answer, message)
        description = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, message)
        rtc.emit("set-remote-description", description, Gst.Promise.new())
        print("published", flush=True)

    def offered(promise, _data):
        reply = promise.get_reply()  # owns the offer
        rtc.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

    def negotiate(_rtc):
        for index in range(2):
            transceiver = rtc.emit("get-transceiver", index)
            transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
        rtc.emit("create-offer", None, Gst.Promise.new_with_change_func(offered, None))

    certify(rtc, pem)
    rtc.connect("notify::ice-gathering-state", gathered)
    rtc.connect("on-negotiation-needed", negotiate)


def certify(rtc, pem):
    def added(_bin, _parent, element):
        factory = element.get_factory()
        if factory is not None and factory.get_name() == "dtlssrtpdec":
            element.set_property("pem", pem)

    rtc.connect("deep-element-added", added)


def fingerprint(pem):
    body = re.search("-----BEGIN CERTIFICATE-----(.*?)-----END", pem, re.DOTALL)[1]
    return hashlib.sha256(base64.b64decode(body)).digest().hex(":").upper()


def main():
    Gst.init(None)
    pipeline = Gst.parse_launch(PIPELINE)
    rtc = pipeline.get_by_name("rtc")
    publish(rtc, sys.argv[1], os.environ["TOKEN"], Path(sys.argv[2]).read_text())
    pipeline.set_state(Gst.State.PLAYING)
    GLib.MainLoop().run()


main()
