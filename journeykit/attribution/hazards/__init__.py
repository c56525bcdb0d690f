"""Attribution by an additive hazard: what each channel's touches add to the rate of buying."""
