"""A mix as a session of a digital audio workstation.

`export_session(tracks, console, out)` writes a `.dawproject` (Bitwig Studio, Studio One, Cubase) or
a REAPER project with its effects.
"""

from diffmst_jax.export.api import Exported, check_format, export_session

__all__ = ["Exported", "check_format", "export_session"]
