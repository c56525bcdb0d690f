"""How channels are woven together: hand-offs, dead ends, confusion, isolation."""
