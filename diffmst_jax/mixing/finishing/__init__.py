"""The last stage of a mix: its loudness, its ceiling, its sample format."""
