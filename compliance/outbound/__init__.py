"""Messages to partners that rules ask for: what they say, who checks them, when they go."""
