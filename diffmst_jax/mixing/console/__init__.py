"""The settings of a mix: as values, in part, and as the file that people edit."""
