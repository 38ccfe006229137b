"""The composition root: constructs everything, starts and stops it in order. Decides no rule of a room."""
