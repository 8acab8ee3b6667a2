"""Videos of one recording are named; other videos of the same scene are not."""

from itertools import pairwise

import numpy as np
import pytest
from helpers import media
from helpers.pictures import film, grain, landscapes, texture, with_box
from video_prep.pictures.copies import Footage, find_copies, find_part

RATE = 10
SOFT = (*media.X264[:2], "-pix_fmt", "yuv420p")


def walk_through(seed, seconds, size=(160, 120)):
    """A camera that goes from one landscape to the next, one a second."""
    sights = landscapes(seed, seconds + 1, size)
    shares = np.linspace(0, 1, RATE, endpoint=False)
    mixed = [a * (1 - s) + b * s for a, b in pairwise(sights) for s in shares]
    return grain(mixed, 2, seed)


def stand(seed, seconds):
    """A camera that looks at the same scene at another time: a box walks, and the noise differs."""
    random_ = np.random.default_rng(seed)
    places = random_.integers(0, 120, seconds * RATE)
    return grain([with_box(texture(3), int(x), 40) for x in places], 3, seed)


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "in"
    (folder / "cam1").mkdir(parents=True)
    (folder / "cam2").mkdir()
    pictures = walk_through(1, 8)
    film(folder / "cam2" / "b.mp4", pictures, *SOFT, "-crf", "18", rate=str(RATE))
    small = ("-vf", "scale=96:72", "-crf", "32")
    film(folder / "cam1" / "equal.mp4", pictures, *SOFT, *small, rate=str(RATE))
    film(folder / "cam1" / "part.mp4", pictures[22:64], *SOFT, "-crf", "30", rate=str(RATE))
    slow = ("-vf", "scale=128:96,fps=6", "-crf", "24")
    film(folder / "cam1" / "slow.mp4", pictures, *SOFT, *slow, rate=str(RATE))
    film(folder / "cam1" / "other.mp4", walk_through(2, 8), *SOFT, rate=str(RATE))
    for seed in (1, 2):
        film(folder / "cam1" / f"still{seed}.mp4", stand(seed, 5), *SOFT, rate=str(RATE))
    return folder


@pytest.mark.parametrize("extracted", ["off", "still", "similar"])
def test_copies_of_a_recording_are_named_and_other_videos_are_not(
    extracted, recordings, prep, tmp_path
):
    prep("extract", recordings, "-o", "ds", "--dedupe", extracted)
    done = prep("dedupe", "ds", "--dedupe", "similar", "--json")
    copies = {video["id"]: video["copies"] for video in done.json["videos"]}
    found = {id_: [(each["video"], each["is_whole"]) for each in of] for id_, of in copies.items()}
    assert found == {
        "cam1_equal": [("cam2_b", True)],
        "cam1_part": [("cam2_b", False)],
        "cam1_slow": [("cam2_b", True)],
        "cam1_other": [],
        "cam1_still1": [],
        "cam1_still2": [],
        "cam2_b": [],
    }
    (part,) = copies["cam1_part"]
    assert part["begin_seconds"] == pytest.approx(2.2, abs=0.15)
    assert part["end_seconds"] == pytest.approx(6.4, abs=0.15)
    begin, end = (f"{part[name]:.1f}" for name in ("begin_seconds", "end_seconds"))
    assert done.json["warnings"] == [
        "cam1_equal: cam1/equal.mp4 is cam2/b.mp4: they show the same recording.",
        f"cam1_part: cam1/part.mp4 is cam2/b.mp4 from {begin} s to {end} s: they show the same "
        "recording.",
        "cam1_slow: cam1/slow.mp4 is cam2/b.mp4: they show the same recording.",
    ]
    assert done.code == 0
    # What was not marked as a copy is not lost: of each pair, the better one is kept.
    kept = {video["id"]: video["images"] - video["elsewhere"] for video in done.json["videos"]}
    assert kept["cam2_b"] == {v["id"]: v["images"] for v in done.json["videos"]}["cam2_b"]


def shown(hashes, seconds_each=0.1):
    hashes = np.asarray(hashes, dtype=np.uint64)
    times = np.arange(len(hashes)) * seconds_each
    return Footage(hashes, times, len(hashes) * seconds_each)


def scenes(seed, count, each=5):
    """Hashes of pictures that stay for some samples, each of another scene."""
    random_ = np.random.default_rng(seed)
    return np.repeat(random_.integers(0, 2**64, count, dtype=np.uint64), each)


def test_a_part_is_found_where_it_is():
    whole = scenes(1, 40)
    assert find_part(shown(whole[60:130]), shown(whole)) == pytest.approx((6.0, 13.0))
    assert find_part(shown(whole), shown(whole)) == pytest.approx((0.0, 20.0))
    # Shown twice as long a time, it is another thing.
    assert find_part(shown(whole[60:130], 0.2), shown(whole)) is None
    flipped = whole ^ np.uint64(1 << 7)
    assert find_part(shown(flipped[60:130]), shown(whole)) == pytest.approx((6.0, 13.0))


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        (scenes(1, 40)[60:80], scenes(1, 40)),  # too short
        (scenes(2, 14), scenes(1, 40)),  # other scenes
        (np.concatenate([scenes(1, 40)[:40], scenes(2, 6)]), scenes(1, 40)),  # other in part
        (np.tile(scenes(1, 6), 2), np.tile(scenes(1, 6), 5)),  # a loop is everywhere
        (np.zeros(60), np.zeros(200)),  # nothing happens
        (scenes(1, 3, 20), scenes(1, 3, 20)),  # too little happens
        (np.empty(0), scenes(1, 40)),
    ],
)
def test_what_is_not_sure_is_not_claimed(part, whole):
    assert find_part(shown(part), shown(whole)) is None


def test_slow_change_is_no_copy():
    """Both go the same way, as shadows do, at any time."""
    order = np.random.default_rng(1).permutation(64).tolist()

    def drift(count, first, last):
        bits = np.linspace(first, last, count).astype(int)
        return [sum(1 << bit for bit in order[:n]) for n in bits]

    assert find_part(shown(drift(100, 0, 60)), shown(drift(100, 2, 64))) is None
    assert find_part(shown(drift(60, 10, 50)), shown(drift(200, 0, 64))) is None


def test_of_two_equally_long_videos_the_first_of_the_pair_is_the_copy():
    footage = {3: shown(scenes(1, 20)), 5: shown(scenes(1, 20)), 9: shown(scenes(1, 20)[20:80])}
    found = find_copies(footage, [(5, 3), (3, 9)])
    assert [(copy.video, copy.of, copy.is_whole) for copy in found] == [(5, 3, True), (9, 3, False)]
