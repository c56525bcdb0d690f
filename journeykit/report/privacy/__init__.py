"""What no reader may see: ids, addresses, secrets."""
