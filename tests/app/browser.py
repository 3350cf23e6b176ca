"""Headless Chromium, where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --enable-logging=stderr --window-size=800,1200 "
    "--autoplay-policy=no-user-gesture-required --virtual-time-budget=4000"
)


def console_of(page: Path) -> tuple[str, Path]:
    """What the console says about the page, and a screenshot; skips where there is no Chromium."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium here; Debian's package is called chromium")
    screenshot = page.with_suffix(".png")
    profile = f"--user-data-dir={page.parent / 'profile'}"
    command = [browser, *_FLAGS.split(), profile, f"--screenshot={screenshot}", page.as_uri()]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return "\n".join(line for line in finished.stderr.splitlines() if "CONSOLE" in line), screenshot
