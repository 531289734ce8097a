"""What an evaluation says: its tables and its page."""
