"""A report inside a notebook: framed, so that its styles and its script stay its own."""

from html import escape

FRAME_HEIGHT_PX = 900


def framed(page: str) -> str:
    """Wrap a whole page into an element that a notebook shows."""
    return (
        f'<iframe srcdoc="{escape(page, quote=True)}" width="100%" height="{FRAME_HEIGHT_PX}" '
        'style="border:0;border-radius:12px" title="Mix report"></iframe>'
    )
