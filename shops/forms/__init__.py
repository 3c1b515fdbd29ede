"""Forms about shops."""
