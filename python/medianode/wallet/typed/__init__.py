"""What is signed, in structured form, and how a signature is judged. Pure: no file, no socket, no key."""
