"""WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): one exchange of SDP each way. SDP exists only here."""
