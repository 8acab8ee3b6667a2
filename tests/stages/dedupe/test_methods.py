"""A dedupe method is a row in a table, and where it compares whole pictures, a class."""

import numpy as np
import pytest
import video_prep
from helpers import media
from helpers.datasets import frames, images, record
from helpers.prep import in_threads
from video_prep.pictures.thinner import Thinner
from video_prep.settings.dedupe import METHODS, DedupeMethod, DedupeSettings
from video_prep.settings.file import Config

dedupe = in_threads(video_prep.dedupe)
extract = in_threads(video_prep.extract)
run = in_threads(video_prep.run)

GREYS = (40, 40, 90, 40, 140, 90, 190)
KEPT, LIKE = [0, 2, 4, 6], [None, 0, None, 0, None, 2, None]


class Levels(Thinner):
    """A toy: pictures are alike whose mean is the same number of tens of grey levels."""

    dtype = np.dtype(np.int64)

    def __init__(self, settings):
        pass

    @staticmethod
    def describe(thumbnails):
        return np.rint(thumbnails.mean((1, 2)) / 10).astype(np.int64)

    def thin(self, looks, order):
        first, like = {}, np.arange(len(looks))
        for place in order.tolist():
            like[place] = first.setdefault(int(looks[place]), place)
        return like


@pytest.fixture
def greys(tmp_path, monkeypatch):
    """The settings of the toy method, and two videos of plain greys, the second one longer."""
    toy = DedupeMethod(
        "what is as bright (levels)", thinner=f"{__name__}:Levels", looks_across=True
    )
    monkeypatch.setitem(METHODS, "levels", toy)
    for name, levels in (("a", GREYS), ("b", (*GREYS, 230))):
        raw = tmp_path / f"{name}.gray"
        raw.write_bytes(b"".join(bytes([level]) * (64 * 48) for level in levels))
        source = ("-f", "rawvideo", "-pix_fmt", "gray", "-s", "64x48", "-i", str(raw))
        lossless = ("-c:v", "ffv1", "-pix_fmt", "gray")
        media.run([*source, *lossless, str(tmp_path / f"{name}.mkv")])
        raw.unlink()
    return Config({"dedupe": {"dedupe": "levels"}})


def test_a_method_of_a_table_row_and_a_class_chooses_the_same_frames_everywhere(greys, tmp_path):
    settings = greys.section(DedupeSettings)
    extract([tmp_path / "a.mkv"], tmp_path / "graph", dedupe=settings)
    extract([tmp_path / "a.mkv"], tmp_path / "ds", dedupe=DedupeSettings("off"))
    (outcome,) = dedupe(tmp_path / "ds", settings).videos
    assert (outcome.images, outcome.still, outcome.similar) == (7, 0, 3)
    for folder in (tmp_path / "graph" / "a", tmp_path / "ds" / "a"):
        assert frames(folder)["duplicate_of"] == LIKE
        assert frames(folder)["reason"] == [
            (like is not None and "similar") or None for like in LIKE
        ]
    assert [name[-10:] for name in images(tmp_path / "graph" / "a")] == [
        f"{index:06d}.jpg" for index in KEPT
    ]
    # Of the settings of other methods, none is recorded.
    made_with = record(tmp_path / "graph" / "a")["settings"]
    assert made_with["dedupe"] == "levels"
    assert made_with.keys() & {"hi", "lo", "frac", "max_gap", "distance"} == set()


@pytest.mark.parametrize("looks_across", [True, False])
def test_a_run_looks_across_videos_where_the_method_says_so(
    greys, tmp_path, monkeypatch, looks_across
):
    toy = DedupeMethod("", thinner=f"{__name__}:Levels", looks_across=looks_across)
    monkeypatch.setitem(METHODS, "levels", toy)
    result = run([tmp_path / "a.mkv", tmp_path / "b.mkv"], tmp_path / "ds", greys)
    assert (result.deduped is not None) == looks_across
    # Only what is bright as nothing in the first video stays in the second one.
    kept = [i for i, fate in enumerate(frames(tmp_path / "ds" / "b")["fate"]) if fate == "kept"]
    assert kept == ([7] if looks_across else [*KEPT, 7])


def test_a_folder_has_marks_only_where_a_method_compares(greys, tmp_path):
    extract([tmp_path / "a.mkv"], tmp_path / "ds", dedupe=DedupeSettings("off"))
    folder = tmp_path / "images"
    folder.mkdir()
    for name in images(tmp_path / "ds" / "a"):
        (tmp_path / "ds" / "a" / name).rename(folder / name)
    (outcome,) = dedupe(folder, greys.section(DedupeSettings)).videos
    assert (outcome.status, outcome.similar) == ("marked", 3)
    assert (folder / "dedupe.json").exists()
    (outcome,) = dedupe(folder, DedupeSettings("off")).videos
    assert (outcome.status, outcome.similar) == ("marked", 0)
    assert not (folder / "dedupe.json").exists()


def test_the_help_of_the_option_is_one_sentence_of_all_methods():
    (field,) = [f for f in DedupeSettings.__dataclass_fields__.values() if f.name == "dedupe"]
    assert field.metadata["help"] == (
        "Leave out frames in which nothing changed (still), also frames that look alike as a "
        "whole (similar: may lose small movements), or none (off)."
    )
    assert [*field.metadata["choices"]] == ["off", "still", "similar"]
