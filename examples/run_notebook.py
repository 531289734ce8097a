"""Run a notebook and keep what it shows: text as text, and what a browser would draw as a picture.

    python examples/run_notebook.py examples/mixing.ipynb

Mixes show themselves as pages with players, which viewers of stored notebooks do not draw. They are
kept as pictures of their upper part instead. Needs Playwright and Chromium, both for tests only.
"""

import argparse
import ast
import base64
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

WIDTH_PX, HEIGHT_PX = 900, 900
CHROMIUM_ARGUMENTS = ("--no-sandbox", "--disable-gpu")


def main() -> None:
    """Run every cell and write the notebook back with what it showed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebook", type=Path)
    path = parser.parse_args().notebook
    document = json.loads(path.read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    count = 0
    for cell in document["cells"]:
        if cell["cell_type"] == "code":
            count += 1
            value = run_cell("".join(cell["source"]), names)
            cell["execution_count"] = count
            cell["outputs"] = [] if value is None else [output(value, count)]
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; returns the value of its last line, as a notebook shows it."""
    body = ast.parse(source)
    last = body.body.pop() if isinstance(body.body[-1], ast.Expr) else None
    exec(compile(body, "cell", "exec"), names)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def output(value: Any, count: int) -> dict[str, Any]:
    """Lay out a value as the output of a cell."""
    page = getattr(value, "_repr_html_", None)
    data = {"text/plain": [repr(value)]} if page is None else {"image/png": picture(page())}
    return {"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": data}


def picture(html: str) -> str:
    """Draw the upper part of what a cell shows, as base64 of a PNG."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - for what shows a page alone

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        place = Path(folder, "cell.html")
        text = f"<!doctype html><body style='margin:0'>{html}</body>"
        place.write_text(text, encoding="utf-8")
        found = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=found, args=list(CHROMIUM_ARGUMENTS))
        page = browser.new_page(viewport={"width": WIDTH_PX, "height": HEIGHT_PX})
        page.goto(place.as_uri())
        page.frame_locator("iframe").locator("h1").wait_for()
        drawn = page.screenshot()
        browser.close()
    return base64.b64encode(drawn).decode()


if __name__ == "__main__":
    main()
