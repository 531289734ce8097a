"""What is said about a mix: the report, its pictures and words."""
