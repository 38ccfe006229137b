"""What a node does on the chain: each action as an intent with a check whether it is so already. Refuses to send."""
