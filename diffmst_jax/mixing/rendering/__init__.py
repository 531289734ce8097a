"""From settings and tracks to audio, in the same memory for any length."""
