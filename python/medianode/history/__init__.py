"""What happened on this node, kept in the data folder: rooms, their sessions, who took part. Knows no protocol."""
