"""What every view of the API shares; it names no app."""
