"""Of alike images the best one is kept, wherever it is and whatever it is called."""

import io
import json

import cv2
import numpy as np
import pytest
import video_prep
from helpers import media
from helpers.datasets import frames, snapshot
from helpers.pictures import film, grain, landscapes, texture
from helpers.prep import in_threads
from PIL import Image
from video_prep.pictures.quality import best_first, detail_of, log_of, more_detail
from video_prep.settings.dedupe import DedupeSettings
from video_prep.stages.dedupe import folder

dedupe = in_threads(video_prep.dedupe)

SIMILAR = DedupeSettings("similar")


def scene(seed, size=(320, 240)):
    """A picture as a camera takes it: large shapes, sharp edges, grain."""
    picture = landscapes(seed, 1, size)[0] * 0.6 + texture(seed, size, 20) * 0.3
    return grain([picture], 4, seed)[0]


def as_jpeg(picture, quality):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def half(picture):
    return cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


DISTORTED = {
    "downscaled": lambda picture: as_jpeg(half(picture), 95),
    "compressed": lambda picture: as_jpeg(picture, 15),
    "blurred": lambda picture: as_jpeg(cv2.GaussianBlur(picture, (0, 0), 2), 95),
    "enlarged": lambda picture: as_jpeg(cv2.resize(half(picture), picture.shape[1::-1]), 95),
}


def marks(folder):
    entries = json.loads((folder / "dedupe.json").read_text())["images"]
    return {n: (e["duplicate_folder"], e["duplicate_of"]) for n, e in entries.items()}


@pytest.mark.parametrize("pristine", ["a", "z"])
def test_pristine_images_are_kept_and_distorted_copies_are_not(pristine, tmp_path):
    inside = tmp_path / "in"
    inside.mkdir()
    for number, (name, distort) in enumerate(DISTORTED.items()):
        picture = scene(number)
        (inside / f"{pristine}{number}.jpg").write_bytes(as_jpeg(picture, 90))
        (inside / f"m{number}_{name}.jpg").write_bytes(distort(picture))
    (outcome,) = dedupe(inside, SIMILAR).videos
    assert (outcome.images, outcome.similar) == (8, 4)
    like = marks(inside)
    for number, name in enumerate(DISTORTED):
        assert like[f"{pristine}{number}.jpg"] == (None, None)
        assert like[f"m{number}_{name}.jpg"] == (None, f"{pristine}{number}.jpg")


def test_a_better_image_that_is_still_against_the_one_before_it_is_kept(tmp_path):
    inside = tmp_path / "in"
    inside.mkdir()
    for number in range(3):
        for quality in (60, 95, 80):
            name = f"{number}_{'jq'[quality == 95]}{quality}.jpg"
            (inside / name).write_bytes(as_jpeg(scene(number), quality))
    still = dedupe(inside, DedupeSettings("still", hi=60, lo=60)).done[0]
    assert (still.still, marks(inside)["0_q95.jpg"]) == (6, (None, "0_j60.jpg"))
    (outcome,) = dedupe(inside, DedupeSettings("similar", hi=60, lo=60)).done
    assert (outcome.still, outcome.similar) == (3, 3)
    like = marks(inside)
    for number in range(3):
        best = f"{number}_q95.jpg"
        assert like[best] == (None, None)
        assert like[f"{number}_j60.jpg"] == like[f"{number}_j80.jpg"] == (None, best)


def test_still_images_whose_hashes_are_far_apart_stay_duplicates(tmp_path):
    """The hash of a dark picture is made of its noise."""
    inside = tmp_path / "in"
    inside.mkdir()
    dark = grain([np.full((96, 128, 3), 20.0)] * 6, 2)
    for number, picture in enumerate(dark):
        Image.fromarray(picture).save(inside / f"{number}.png")
    (outcome,) = dedupe(inside, SIMILAR).done
    assert (outcome.still, outcome.similar) == (5, 0)
    assert [target for _, target in marks(inside).values()] == [None, *["0.png"] * 5]
    dedupe(inside, DedupeSettings("similar", max_gap=2))
    assert [target for _, target in marks(inside).values()].count(None) == 2


def test_the_better_image_may_be_in_any_folder_and_deleted_ones_follow_it(tmp_path):
    """The first run keeps what the second one, which sees a better copy, marks."""
    root = tmp_path / "in"
    for name in ("b", "d"):
        (root / name).mkdir(parents=True)
    pictures = [scene(1), scene(2)]
    for number, picture in enumerate(pictures):
        (root / "b" / f"{number}.jpg").write_bytes(DISTORTED["downscaled"](picture))
        (root / "d" / f"{number}.jpg").write_bytes(DISTORTED["compressed"](picture))
    done = dedupe(root, SIMILAR, delete=True)
    assert [video.deleted for video in done.videos] == [2, 0]
    assert marks(root / "b") == {"0.jpg": ("d", "0.jpg"), "1.jpg": ("d", "1.jpg")}
    (root / "e").mkdir()
    (root / "a").mkdir()
    (root / "e" / "9.jpg").write_bytes(as_jpeg(pictures[0], 90))
    (root / "a" / "9.jpg").write_bytes(as_jpeg(pictures[1], 90))
    dedupe(root, SIMILAR)
    assert marks(root / "b") == {"0.jpg": ("e", "9.jpg"), "1.jpg": ("a", "9.jpg")}
    assert marks(root / "d") == {"0.jpg": ("e", "9.jpg"), "1.jpg": ("a", "9.jpg")}
    assert marks(root / "a") == marks(root / "e") == {"9.jpg": (None, None)}


def test_the_first_of_equal_images_is_kept_and_max_gap_holds(tmp_path):
    inside = tmp_path / "in"
    inside.mkdir()
    data = as_jpeg(scene(1), 90)
    for number in range(9):
        (inside / f"{number}.jpg").write_bytes(data)
    (inside / "9.jpg").write_bytes(as_jpeg(scene(1), 20))
    dedupe(inside, SIMILAR)
    kept = [name for name, (_, like) in marks(inside).items() if like is None]
    assert kept == ["0.jpg"]
    (inside / "9.jpg").write_bytes(as_jpeg(half(scene(1)), 20))
    (inside / "10.jpg").write_bytes(as_jpeg(scene(1), 98))
    dedupe(inside, DedupeSettings("similar", max_gap=2))
    like = {name: target for name, (_, target) in marks(inside).items()}
    # Of those that are still, the first is compared as a whole; the last one is the best.
    assert [name for name, target in like.items() if target is None][-1] == "10.jpg"
    stays = [int(name[:-4]) for name, target in like.items() if target is None]
    assert max(np.diff([-1, *stays, 11])) <= 3
    assert all(like[target] is None for target in like.values() if target is not None)


@pytest.fixture
def qualities(tmp_path, prep):
    """A recording and worse copies of it, of which the first two come before it."""
    inside = tmp_path / "in"
    inside.mkdir()
    pictures = [scene(seed, (160, 120)) for seed in range(12)]
    encoded = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf")
    film(inside / "a_small.mp4", pictures, *encoded, "18", "-vf", "scale=80:60")
    film(inside / "b_worse.mp4", pictures[4:], *encoded, "30")
    film(inside / "c_good.mp4", pictures, *encoded, "18")
    film(inside / "d_fast.mp4", pictures, *media.X264, "-crf", "28")
    prep("extract", inside, "-o", "ds", "--dedupe", "off")
    return tmp_path / "ds"


def test_the_best_of_several_videos_is_kept_whole(qualities):
    done = dedupe(qualities, DedupeSettings("similar", distance=8))
    found = {video.id: (video.similar, video.elsewhere) for video in done.videos}
    assert found == {"a_small": (12, 12), "b_worse": (8, 8), "c_good": (0, 0), "d_fast": (12, 12)}
    table = frames(qualities / "b_worse")
    assert set(table["duplicate_video"]) == {"c_good"}
    assert table["duplicate_of"] == list(range(4, 12))


def test_marks_do_not_depend_on_the_number_of_workers(qualities, prep, tmp_path):
    prep("dedupe", "ds", "--dedupe", "similar", "--workers", "1")
    alone = snapshot(qualities)
    prep("dedupe", "ds", "--restore")
    assert snapshot(qualities) != alone
    prep("dedupe", "ds", "--dedupe", "similar", "--workers", "3")
    assert snapshot(qualities) == alone


def test_while_marks_are_turned_around_each_duplicate_is_like_a_kept_image(tmp_path, monkeypatch):
    """A run that is cut off leaves nothing that a later --delete would lose."""
    root = tmp_path / "in"
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
    good, bad = as_jpeg(scene(1), 95), as_jpeg(scene(1), 15)
    other = as_jpeg(scene(2), 95), as_jpeg(scene(2), 15)
    (root / "a" / "1.jpg").write_bytes(good)
    (root / "a" / "2.jpg").write_bytes(other[1])
    (root / "b" / "1.jpg").write_bytes(bad)
    (root / "b" / "2.jpg").write_bytes(other[0])
    dedupe(root, SIMILAR)
    assert marks(root / "b")["1.jpg"] == ("a", "1.jpg")
    for name in ("1.jpg", "2.jpg"):  # now the other copies are the better ones
        mine, others = root / "a" / name, root / "b" / name
        mine_bytes = mine.read_bytes()
        mine.write_bytes(others.read_bytes())
        others.write_bytes(mine_bytes)
    written = []
    replace = folder.replace_text

    def watched(path, texts):
        replace(path, texts)
        entries = {name: marks(root / name) for name in ("a", "b")}
        for name, like in entries.items():
            for where, target in like.values():
                assert target is None or entries[where or name][target] == (None, None)
        written.append(path.parent.name)

    monkeypatch.setattr(folder, "replace_text", watched)
    dedupe(root, SIMILAR)
    assert written == ["a", "b", "a", "b"]
    assert marks(root / "a")["1.jpg"] == ("b", "1.jpg")
    assert marks(root / "b")["2.jpg"] == ("a", "2.jpg")


def test_detail_is_what_compression_takes_away_not_the_edges_of_its_blocks():
    picture = cv2.cvtColor(scene(1), cv2.COLOR_RGB2GRAY)
    blocks = np.kron(picture[::4, ::4], np.ones((4, 4), np.uint8))
    assert detail_of(blocks) == 0
    assert detail_of(picture) > detail_of(cv2.GaussianBlur(picture, (0, 0), 1)) > 0
    assert detail_of(picture[:3]) == 0  # not one block
    assert np.isfinite(log_of(np.zeros(1, np.float32))).all()


def test_the_larger_one_is_better_then_detail_and_bytes_and_then_the_first():
    pixels = np.array([100, 400, 400, 400, 400])
    detail = np.array([9.0, 1.0, 2.0, 2.0, 1.0])
    size_bytes = np.array([9e9, 800.0, 800.0, 1000.0, 9000.0])
    assert best_first(pixels, detail, size_bytes).tolist() == [4, 2, 3, 1, 0]


def test_videos_are_compared_only_where_they_show_the_same():
    """Video 1 has only the busy part of video 0, with less detail; video 2 shows other things."""
    shown = np.array([1.0, 1.0, 1.0, 8.0, 9.0])
    detail = np.concatenate([shown, shown[3:] - 0.5, [3.0]])
    like = np.array([0, 1, 2, 3, 4, 3, 4, 7])
    videos = np.array([0] * 5 + [1] * 2 + [2])
    more = more_detail(detail, like, videos)
    assert more[0] - more[5] == pytest.approx(0.5, abs=0.11)
    assert set(more[:5]) == {more[0]}
    assert more[7] == 0
