"""The conversation with Huddle01's clients: protobuf frames, media by ORTC parameters. Refuses to know sockets."""
