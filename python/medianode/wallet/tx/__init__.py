"""Transactions that happen exactly once: outbox, nonces, replacement, finality. Refuses to know what they are for."""
