"""A mix beside its reference and its baselines, and what is heard of each track."""
