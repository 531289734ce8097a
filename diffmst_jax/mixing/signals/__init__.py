"""Long signals in NumPy: measured, in pieces, on disk."""
