"""Which channel brings about touches of another, or conversions, beyond what happens anyway."""
