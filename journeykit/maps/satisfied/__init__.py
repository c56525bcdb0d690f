"""Whether customers are equally satisfied in all channels."""
