"""All stages on the clip, in a folder that goes away, with every number held against the right one.

What a check needs it imports itself: a library that is broken, or absent, fails that check alone.
"""

import dataclasses
import functools
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from .. import __version__
from ..base.errors import DatasetError, WorkerDiedError, printable
from ..base.guard import Failure
from ..base.words import count
from ..base.work import Link
from ..engines.base import Engine, Lost
from ..engines.threads import InProcess
from ..settings.dedupe import DedupeSettings
from ..settings.file import SECTIONS, Config, load_config, render_default_config
from ..settings.stages import ExtractSettings, RunSettings
from .check import INSTALL_AGAIN, Look, NotTriedError, WrongResultError, expect

if TYPE_CHECKING:
    from ..stages.extract.result import ExtractResult

_OPENCV = "opencv-python-headless"
_EXTRACTING = ("av", "filelock", "numpy", _OPENCV, "simplejpeg")
_NUMBERED, _THINNED = "numbered", "thinned"
_USE_BUNDLED = "Leave out --ffmpeg and PREP_FFMPEG to use the bundled ffmpeg, or:"


class Trial:
    """The checks that work on the clip, each of which may need what one before it has made.

    Args:
        run: how the work would be done.
        stack: takes the files away when it is closed.
    """

    def __init__(self, run: RunSettings, stack: ExitStack) -> None:
        self._wanted, self._stack = run, stack
        self._software = RunSettings(ffmpeg=run.ffmpeg)
        self._engine: Engine = InProcess()
        self._made: dict[str, Path] = {}

    def looks(self) -> list[Look]:
        """Return the checks, in their order."""
        is_bundled = not (self._wanted.ffmpeg or os.environ.get("PREP_FFMPEG"))
        way_out = INSTALL_AGAIN if is_bundled else f"{_USE_BUNDLED} {INSTALL_AGAIN}"
        hardware = [Look("hwaccel", self._hardware, (), _EXTRACTING)] * bool(self._wanted.hwaccel)
        return [
            Look("engine", self._open_engine),
            Look("ffmpeg", self._ffmpeg, ("imageio-ffmpeg",) if is_bundled else ()),
            Look("probe", self._probe, ("av", "numpy")),
            *hardware,
            Look("lock", self._lock, ("filelock",)),
            Look("extract", self._extract, ("ffmpeg-python", "pyarrow"), _EXTRACTING, way_out),
            Look("pictures", self._pictures, ("pillow",), ("numpy", _OPENCV), way_out),
            Look("validate", self._validate, ("simplejpeg", _OPENCV), ("numpy", "pyarrow")),
            Look("dedupe", self._dedupe, (_OPENCV,), ("numpy", "pillow", "pyarrow")),
            Look("report", self._report, ("jinja2", "pillow"), ("numpy", "pyarrow")),
            Look("settings", self._settings, ("pyyaml",)),
            Look("upload", self._upload, ("cvat-sdk", "zipstream-ng"), ("numpy", "pyarrow")),
        ]

    def _open_engine(self) -> str:
        from ..engines.choice import open_engine

        engine = self._stack.enter_context(open_engine(self._wanted))
        ((_, version),) = engine.run(_tell_version, [None])
        if isinstance(version, Lost):
            raise WorkerDiedError(f"{self._wanted.engine}: {version.why}. Try --engine threads.")
        if self._wanted.engine != "ray":  # whose machines do not see the files of this one
            self._engine = engine
        workers = count(engine.workers, "worker")
        return f"{self._wanted.engine}, {workers}; one answered, with prep {version}"

    def _ffmpeg(self) -> str:
        from ..video.binary import find_ffmpeg, list_abilities
        from .clip import make_clip

        found = find_ffmpeg(self._software)
        self._made["ffmpeg"] = make_clip(found, self._folder)
        hwaccels = ", ".join(sorted(list_abilities(found.path, "hwaccels"))) or "none"
        return (
            f"{found.version} at {printable(found.path)}; hardware acceleration built in: "
            f"{hwaccels}"
        )

    def _hardware(self) -> str:
        from ..video.binary import find_ffmpeg
        from ..video.hardware import decode_in_hardware, find_device
        from ..video.probe import probe
        from .clip import FRAMES

        run = dataclasses.replace(self._software, hwaccel=self._wanted.hwaccel)
        ffmpeg = find_ffmpeg(run)
        hwaccel = find_device(ffmpeg, self._wanted.hwaccel or "")
        if hwaccel is None:
            return "auto: there is no device here, so all is decoded in software"
        info, _ = probe(self._clip)
        pixel_format = decode_in_hardware(ffmpeg, hwaccel, self._clip, info, FRAMES)
        self._extract_into("hardware", ExtractSettings(), "off", run)
        return f"{printable(hwaccel)}: every frame decoded in hardware ({pixel_format})"

    def _probe(self) -> str:
        from ..video.probe import probe
        from .clip import FRAMES, HEIGHT, WIDTH

        info, packets = probe(self._clip)
        expect("width and height", (info.coded_width, info.coded_height), (WIDTH, HEIGHT))
        expect("frames in the header", info.frames_in_header, FRAMES)
        expect("packets", (len(packets.pts), packets.complete), (FRAMES, True))
        expect("the first packet is a keyframe", bool(packets.is_key[0]), True)
        self._made["probe"] = self._clip
        return f"{FRAMES} packets of {info.codec}"

    def _extract(self) -> str:
        self._made_by("probe")
        from ..dataset.frame_table import Fate
        from ..dataset.store import Dataset
        from .clip import FRAMES, MOVING, SAME_AS

        numbered = self._extract_into(_NUMBERED, ExtractSettings(format="png"), "off")
        thinned = self._extract_into(_THINNED, ExtractSettings(), "similar")
        expect("images of all frames", len(_images(numbered)), FRAMES)
        expect("images without duplicates", [*_images(thinned)], [*range(MOVING)])
        table = Dataset(thinned).read_frames("clip")
        expect("duplicates", table.duplicate_of.tolist(), [*SAME_AS])
        expect("kept", table.count(Fate.KEPT), MOVING)
        self._made["extract"] = numbered.parent
        return f"{FRAMES} frames, {MOVING} without duplicates"

    def _pictures(self) -> str:
        numbered, thinned = _images(self._dataset(_NUMBERED)), _images(self._dataset(_THINNED))
        from .clip import check_pictures

        check_pictures(numbered)
        check_pictures(thinned)
        return f"{len(numbered)} PNG and {len(thinned)} JPEG images are the right ones"

    def _lock(self) -> str:
        from ..dataset.store import Dataset

        folder = self._folder / "locked"
        with Dataset(folder).writing():
            try:
                with Dataset(folder).writing():
                    raise WrongResultError("two could write into one dataset at once")
            except DatasetError:
                return "a second writer is kept out of a dataset"

    def _validate(self) -> str:
        datasets = [self._dataset(name) for name in (_NUMBERED, _THINNED)]
        from ..dataset.store import Dataset
        from ..stages.status.stage import status
        from ..stages.validate.stage import validate
        from .clip import BRIGHTNESS, CONTRAST, TOLERANCE

        checked = 0
        for folder in datasets:
            images = len(_images(folder))
            (video,) = validate(folder, run=self._software, engine=self._engine).videos
            if isinstance(video, Failure):
                raise WrongResultError(video.error)
            expect("images checked", video.images, images)
            expect("findings", [finding.message for finding in video.findings], [])
            checked += video.images
            table = Dataset(folder).read_frames("clip")
            measured = zip(table.brightness.tolist(), table.contrast.tolist(), strict=True)
            right = [
                abs(brightness - BRIGHTNESS) < TOLERANCE and abs(contrast - CONTRAST) < TOLERANCE
                for brightness, contrast in measured
            ]
            expect("images with the right brightness", sum(right), images)
            expect("images with edges", int((table.sharpness > 0).sum()), images)
            (account,) = status(folder).videos
            expect("accounts that differ", [m.message for m in account.mismatches], [])
        return f"{checked} images are whole"

    def _dedupe(self) -> str:
        folder = self._dataset(_NUMBERED)
        from ..dataset.store import Dataset
        from ..stages.dedupe.stage import dedupe
        from .clip import AGAIN, SAME_AS, STILL

        settings = DedupeSettings(dedupe="similar")
        (outcome,) = dedupe(folder, settings, self._software, engine=self._engine).videos
        if isinstance(outcome, Failure):
            raise WrongResultError(outcome.error)
        expect("still and alike", (outcome.still, outcome.similar), (STILL, AGAIN))
        table = Dataset(folder).read_frames("clip")
        expect("duplicates", table.duplicate_of.tolist(), [*SAME_AS])
        return f"{STILL} still and {AGAIN} alike images found"

    def _report(self) -> str:
        folder = self._dataset(_THINNED)
        from ..stages.report.stage import report
        from .clip import FRAMES, MOVING

        written = report(folder, engine=self._engine)
        totals = written.totals
        expect("frames and images", (totals.frames_decoded, totals.kept), (FRAMES, MOVING))
        page = written.page.read_text(encoding="utf-8")
        expect("the page is whole", page.rstrip().endswith("</html>"), True)
        pictures = page.count("data:image/webp;base64,")
        if not pictures:
            raise WrongResultError("the page has no pictures")
        return f"a page with {pictures} pictures"

    def _settings(self) -> str:
        file = self._folder / "prep.yaml"
        file.write_text(render_default_config(), encoding="utf-8")
        expect("the settings that 'prep init' writes", load_config(file), _NO_SETTINGS)
        file.write_text("extract: {every: 2, start: 1:02}\ndedupe: {dedupe: off}\n", "utf-8")
        extract = load_config(file).section(ExtractSettings)
        expect("settings read", (extract.every, extract.start), (2, "1:02"))
        expect("settings read", load_config(file).section(DedupeSettings).dedupe, "off")
        return "a settings file, written and read"

    def _upload(self) -> str:
        folder = self._dataset(_THINNED)
        from ..dataset.store import Dataset
        from .exchange import upload_to_listener

        images = _images(folder)
        table = Dataset(folder).read_frames("clip")
        upload_to_listener([*images.values()], table.crc32[[*images]].tolist())
        return f"a log-in and {len(images)} images, sent to itself"

    @functools.cached_property
    def _folder(self) -> Path:
        folder = tempfile.TemporaryDirectory(prefix="prep-doctor-", ignore_cleanup_errors=True)
        return Path(self._stack.enter_context(folder))

    @property
    def _clip(self) -> Path:
        return self._made_by("ffmpeg")

    def _dataset(self, name: str) -> Path:
        return self._made_by("extract") / name

    def _made_by(self, check: str) -> Path:
        if check not in self._made:
            raise NotTriedError(f"not tried: it needs what '{check}' makes.")
        return self._made[check]

    def _extract_into(
        self, name: str, settings: ExtractSettings, dedupe: str, run: RunSettings | None = None
    ) -> Path:
        """Extract the clip into a dataset of this name, hold the counts against it, return it."""
        from ..stages.extract.result import VideoOutcome
        from ..stages.extract.stage import extract
        from .clip import FRAMES, check_pictures

        folder = self._folder / name
        result: ExtractResult = extract(
            [self._made_by("probe")],
            folder,
            settings,
            run or self._software,
            dedupe=DedupeSettings(dedupe=dedupe),
            engine=self._engine,
        )
        (video,) = result.videos
        if not isinstance(video, VideoOutcome):
            raise WrongResultError(video.error if isinstance(video, Failure) else video.status)
        expect("frames decoded", video.record.counts.frames_decoded, FRAMES)
        expect("notices", [notice.message for notice in video.notices], [])
        if run is not None:
            check_pictures(_images(folder))
        return folder


def _tell_version(item: None, link: Link) -> str:
    return __version__


_NO_SETTINGS = Config({name: {} for name in SECTIONS})


def _images(dataset: Path) -> dict[int, Path]:
    """Return the images of the clip by the number in their name."""
    images = sorted((dataset / "clip").glob("clip-frame_*"))
    return {int(image.stem.rpartition("_")[2]): image for image in images}
