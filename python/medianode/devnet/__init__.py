"""A network on one machine, for developers: today its chain. Nothing in production needs it."""
