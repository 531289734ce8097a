"""The mixing tool: files in, a mix, its console settings and a report out."""
