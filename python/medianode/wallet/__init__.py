"""The wallet: keys, signatures and on-chain actions. Independent of media: nothing here is awaited by a call."""
