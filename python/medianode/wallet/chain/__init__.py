"""What a chain says: endpoints, quorum, fees, finality, logs. Refuses to know keys, contracts and what we want from them."""
