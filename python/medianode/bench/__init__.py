"""Measures forwarding: a node and a load generator in processes of their own. Owns the procedure; the packets come from ``rust/load``."""
