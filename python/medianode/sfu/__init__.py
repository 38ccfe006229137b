"""The asyncio face of the core: commands in, events out, as plain dataclasses. Refuses to know rooms, and to touch a packet."""
