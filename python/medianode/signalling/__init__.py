"""Conversations with clients, transport-free: texts in, texts out. Refuses to know sockets and HTTP servers."""
