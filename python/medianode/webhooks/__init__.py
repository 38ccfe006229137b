"""Tells applications what happens in their rooms, by signed HTTP requests that survive a restart."""
