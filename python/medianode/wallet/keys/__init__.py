"""Keys and who may use them. Owns the secret; lets nobody see it."""
