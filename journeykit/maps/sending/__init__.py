"""What the firm sends: which stages it reaches, how often, and when it is too much."""
