"""Which touchpoints there are, what is seen of them, and what the catalogue lacks."""
