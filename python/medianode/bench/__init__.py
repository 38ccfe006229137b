"""Measures forwarding: a node and a load generator in processes of their own. Owns the procedure, not the packets."""
