"""The part of bench.py that needs a CVAT server: `prep upload` beside `cvat-cli task create`."""

import os
import shutil
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from video_prep.cvat.connect import connect
from video_prep.cvat.server import CvatServer
from video_prep.settings.cvat import CvatSettings

IMAGES = 2000


def bench_upload(
    clip: Path, prep: list[str], run: Callable[..., Any], folder: Path, pairs: int
) -> None:
    """Print the table of `prep upload` against `cvat-cli task create` with the same images.

    The server is CVAT_HOST, the user CVAT_USERNAME with CVAT_PASSWORD. What was made is deleted.
    prep also proves what it sent; cvat-cli looks every second whether its task is made.
    """
    host, user, password = (
        os.environ.get(name) for name in ("CVAT_HOST", "CVAT_USERNAME", "CVAT_PASSWORD")
    )
    if not (host and user and password):
        sys.exit("Set CVAT_HOST, CVAT_USERNAME and CVAT_PASSWORD to a server to measure with.")
    dataset = folder / "dataset"
    run([*prep, "extract", str(clip), "-o", str(dataset), "--dedupe", "off", "-q"], cwd=folder)
    images = sorted(map(str, (dataset / clip.stem).glob("*.jpg")))
    sizes = sum(os.path.getsize(image) for image in images)
    project = "prep bench"
    ours = [*prep, "upload", "--cvat", str(dataset), "--project", project, "-q"]
    theirs = [
        *(str(Path(sys.executable).with_name("cvat-cli")), "--server-host", host),
        *("--auth", user, "task", "create", "prep bench", "--labels", '[{"name": "car"}]'),
        *("--completion_verification_period", "1", "local", *images),
    ]
    os.environ["PASS"] = password
    session = connect(CvatSettings(host=host))
    rows = []
    for turn in range(pairs + 1):
        measured = {}
        for name, command in [("prep", ours), ("cvat-cli", theirs)][:: -1 if turn % 2 else 1]:
            (dataset / "cvat.json").unlink(missing_ok=True)
            measured[name] = run(command, cwd=folder, is_silent=True)
            for task in session.list_all("tasks", name="prep bench"):
                session.request("DELETE", f"tasks/{task['id']}")
            found = CvatServer(session).find_project(project)
            if found is not None:
                session.request("DELETE", f"projects/{found.id}")
        if turn:  # the first warms up
            rows.append(measured)
    session.close()
    shutil.rmtree(dataset)
    prep_s, cli_s = (
        statistics.median(row[n].seconds for row in rows) for n in ("prep", "cvat-cli")
    )
    ratios = [row["prep"].seconds / row["cvat-cli"].seconds for row in rows]
    peak_mb = max(row["prep"].peak_mb for row in rows)
    print(
        f"{len(images)} images of 640×360, {sizes / 1e6:.0f} MB, CVAT {session.version}, "
        f"{pairs} pairs\n"
    )
    print("| cvat-cli | prep | prep ÷ cvat-cli | peak memory of prep |\n|---|---|---|---|")
    print(
        f"| {cli_s:.1f} s | {prep_s:.1f} s | **{statistics.median(ratios):.2f}** "
        f"({min(ratios):.2f}–{max(ratios):.2f}) | {peak_mb:.0f} MB |"
    )
