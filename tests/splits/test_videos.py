"""The sides of a dataset: nothing that shows the same moment stands on two, and nothing moves."""

import dataclasses
import io
import json

import numpy as np
import pytest
from helpers import media
from helpers.handmade import picture, write_video
from helpers.pictures import film, grain, landscapes
from PIL import Image
from video_prep.base.errors import UsageError
from video_prep.base.work import Watch
from video_prep.dataset.frame_table import Fate
from video_prep.dataset.store import SPLITS_NAME, Dataset
from video_prep.engines.threads import InProcess
from video_prep.pictures.likeness import read_picture
from video_prep.pictures.similarity import hash_thumbnails
from video_prep.settings.splits import SIDES, SplitSettings
from video_prep.settings.stages import BreakSettings
from video_prep.splits.asked import Asked
from video_prep.splits.record import SplitRecord, VideoSides, fix, read_record
from video_prep.splits.sides import Material
from video_prep.splits.videos import deal_videos

DEFAULT = SplitSettings()


def material(store, labels=None):
    labels = labels or {}
    return {
        video: Material(
            np.flatnonzero(store.read_frames(video).fate == Fate.KEPT), labels.get(video, {})
        )
        for video in store.video_ids()
    }


def deal(dataset, asked=DEFAULT, before=None, labels=None, only=None):
    store = Dataset(dataset)
    some = {v: m for v, m in material(store, labels).items() if only is None or v in only}
    with InProcess(2) as engine:
        asked = asked if isinstance(asked, Asked) else Asked(asked)
        return deal_videos(store, some, asked, before, engine, Watch())


def sides_of(sides):
    return {video: record.side for video, record in sides.record.videos.items()}


def kinds(sides):
    return [notice.kind for notice in sides.notices]


def told(sides, kind):
    return [notice.message for notice in sides.notices if notice.kind == kind]


def leaks(dataset, sides):
    """How many pairs of near-identical images stand on two sides; all with all, by `similar`."""
    store, hashes, where = Dataset(dataset), [], []
    for video, each in material(store).items():
        record = store.read_record(video)
        for frame in each.frames.tolist():
            read = read_picture(store.folder(video) / record.images.name(frame))
            hashes.append(int(hash_thumbnails(read.thumbnail[np.newaxis])[0]))
            where.append(sides.side_of(video, frame))
    return sum(
        (hashes[a] ^ hashes[b]).bit_count() <= 4
        for a in range(len(hashes))
        for b in range(a)
        if None not in (where[a], where[b]) and where[a] != where[b]
    )


def shows(source, frame, at):
    """The content of a video in which one image is near-identical to that of another video."""

    def content(index):
        if index not in at:
            return None
        made = io.BytesIO()
        Image.open(io.BytesIO(picture(source, frame))).save(made, "JPEG", quality=95)
        return made.getvalue()

    return content


def write(dataset, video, frames=6, like=(), **more):
    """Write a video; ``like``: pairs of its frame, and the (video, frame) that it shows again."""
    again = {frame: shows(*other, [frame])(frame) for frame, other in like}
    return write_video(
        dataset, video, frames, content=lambda i: again.get(i) or picture(video, i), **more
    )


@pytest.fixture
def dataset(tmp_path):
    folder = tmp_path / "ds"
    for number in range(20):
        write(folder, f"v{number:02}", 6)
    return folder


def test_near_identical_images_never_part(dataset):
    for number in range(5):  # each shows once more what two others show
        others = [(1, (f"v{number:02}", 2)), (4, (f"v{number + 10:02}", 5))]
        write(dataset, f"w{number}", like=others)
    sides = deal(dataset)
    assert leaks(dataset, sides) == 0
    where = sides_of(sides)
    for number in range(5):
        assert where[f"w{number}"] == where[f"v{number:02}"] == where[f"v{number + 10:02}"]
    assert set(where.values()) == set(SIDES)
    assert sides.summary["near_identical_across_sides"] == sides.summary["set_aside"] == 0
    assert [group["videos"] for group in sides.summary["groups"]] == [
        [f"v{number:02}", f"v{number + 10:02}", f"w{number}"] for number in range(5)
    ]
    text = told(sides, "same-recording")[0]
    assert text.startswith(f"v00, v10, w0 stand together ({where['v00']}): frame ")
    assert "frame 1 of w0 is near-identical to frame 2 of v00" in text
    assert "frame 4 of w0 is near-identical to frame 5 of v10" in text


def test_growing_moves_nothing_old(dataset):
    first = deal(dataset)
    (dataset / SPLITS_NAME).write_text(first.record.text())
    for number in range(20):
        like = [(0, (f"v{number:02}", 3))] if number < 4 else []
        write(dataset, f"new{number:02}", like=like)
    second = deal(dataset, before=read_record(dataset / SPLITS_NAME))
    before, after = sides_of(first), sides_of(second)
    assert {video: after[video] for video in before} == before
    assert [after[f"new{n:02}"] for n in range(4)] == [before[f"v{n:02}"] for n in range(4)]
    assert leaks(dataset, second) == 0
    shares = [second.summary["sides"][side]["share"] for side in SIDES]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.05)
    # Without the record of before, it is another deal.
    assert sides_of(deal(dataset)) != after


def test_what_joins_two_sides_is_set_aside_and_named(dataset):
    first = deal(dataset)
    where = sides_of(first)
    one = next(video for video, side in where.items() if side == "train")
    other = next(video for video, side in where.items() if side == "val")
    write(dataset, "x1", like=[(0, (one, 1)), (1, (other, 1))])
    write(dataset, "x2", like=[(0, ("x1", 4))])  # only like x1, so it is free of the others
    sides = deal(dataset, before=first.record)
    assert {video: sides_of(sides)[video] for video in where} == where
    assert sides_of(sides)["x1"] == "aside"
    assert sides.side_of("x1", 0) is None
    assert sides_of(sides)["x2"] in SIDES
    assert leaks(dataset, sides) == 0
    assert told(sides, "set-aside") == [
        f"x1 is set aside, on no side: it would leak on each, for it joins {one} (train), {other} "
        "(val), which stay where they were. Say with --splits FILE on which side "
        "they are to stand, all on one."
    ]
    assert sides.summary["set_aside"] == 6
    # As soon as a person decides, it comes back.
    by_hand = {other: VideoSides("train", by_hand=True)}
    record = SplitRecord({**sides.record.videos, **by_hand}, sides.record.settings)
    assert sides_of(deal(dataset, before=record))["x1"] == "train"


def test_images_that_come_later_to_what_has_a_side_leak_not(dataset):
    """At first, only some frames were annotated, and none of those looked like others."""
    write(dataset, "v01", like=[(5, ("v00", 4)), (4, ("v00", 4))])
    store = Dataset(dataset)
    first = {video: Material(each.frames[:4]) for video, each in material(store).items()}
    hand = {video: VideoSides("train" if video != "v01" else "val") for video in first}
    with InProcess(1) as engine:
        before = SplitRecord(hand, SplitSettings("80/20", "recording", 0))
        sides = deal_videos(store, first, Asked(), before, engine, Watch())
        assert told(sides, "set-aside") == []
    later = deal(dataset, before=sides.record)
    assert sides_of(later) == sides_of(sides)
    assert leaks(dataset, later) == 0
    assert [later.side_of("v01", frame) for frame in range(3, 6)] == ["val", None, None]
    assert later.side_of("v00", 4) == "train"
    assert told(later, "set-aside") == [
        "2 images are left out of v01 (val): what they show, others show that stand on another "
        "side since before. Say with --splits FILE on which side they are to stand, "
        "all on one."
    ]


def test_a_chain_between_two_sides_is_cut_where_it_costs_least(dataset):
    first = deal(dataset)
    where = sides_of(first)
    one = next(video for video, side in where.items() if side == "train")
    other = next(video for video, side in where.items() if side == "test")
    write(dataset, "a", 9, like=[(0, (one, 1))])
    write(dataset, "b", 3, like=[(0, ("a", 5))])
    write(dataset, "c", 9, like=[(0, (other, 1)), (1, ("b", 2))])
    sides = sides_of(deal(dataset, before=first.record))
    assert (sides["a"], sides["b"], sides["c"]) == ("train", "aside", "test")


def test_a_file_fixes_sides_by_hand_and_its_leaks_are_told(dataset, tmp_path):
    write(dataset, "copy", like=[(0, ("v01", 1))])
    first = deal(dataset)
    file = tmp_path / "mine.json"
    file.write_text('{"videos": {"v01": "test", "v02": "val", "v03": "aside"}}')
    sides = deal(dataset, before=fix(first.record, file))
    where = sides_of(sides)
    assert (where["v01"], where["v02"], where["v03"]) == ("test", "val", "aside")
    assert where["copy"] == "test"  # with what it shows
    others = [v for v in where if v not in {"v01", "v02", "v03", "copy"}]
    assert [where[v] for v in others] == [sides_of(first)[v] for v in others]
    if sides_of(first)["copy"] != "test":
        assert "copy goes from" in told(sides, "moved-side")[-1]
    file.write_text('{"videos": {"copy": "train", "v01": "val"}}')
    sides = deal(dataset, before=fix(first.record, file))
    assert (sides_of(sides)["v01"], sides_of(sides)["copy"]) == ("val", "train")
    assert told(sides, "leak") == [
        "copy (train) and v01 (val) show near-identical images, and stand on two sides as they did "
        "before. Say with --splits FILE on which side they are to stand, all on one.",
        "2 images have a near-identical one on another side; 1 pair of videos or runs leak.",
    ]
    # It is remembered that a person said so.
    assert sides.record.videos["copy"].by_hand
    again = deal(dataset, before=sides.record)
    assert sides_of(again) == sides_of(sides)


def test_what_a_person_has_fixed_is_not_held_against_shares(dataset, tmp_path):
    file = tmp_path / "mine.json"
    half = {f"v{n:02}": "val" if n % 2 else "train" for n in range(20)}
    file.write_text(json.dumps({"videos": half}))
    sides = deal(dataset, before=fix(None, file))
    assert (sides_of(sides), kinds(sides), sides.used) == (half, [], ("train", "val"))
    assert kinds(deal(dataset, SplitSettings("80/20"), fix(None, file))) == ["shares-off"] * 2
    del half["v00"]  # so that one is dealt, to make up for the rest
    file.write_text(json.dumps({"videos": half}))
    assert "shares-off" in kinds(deal(dataset, before=fix(None, file)))


def test_a_part_of_what_was_divided_is_not_held_against_shares(dataset):
    first = deal(dataset)
    assert kinds(first) == []
    alone = next(video for video, side in sides_of(first).items() if side == "val")
    sides = deal(dataset, before=first.record, only=[alone])
    assert (kinds(sides), sides.used) == ([], ("val",))
    assert sides_of(sides) == sides_of(first)
    # Of the first video of all, it is told that no other side has any.
    assert kinds(deal(dataset, only=[alone])) == ["empty-side", "empty-side", "shares-off"]


def test_what_ends_a_run_is_what_the_settings_say(tmp_path):
    for number in range(4):
        write(tmp_path, f"v{number}", 6, cut=[3])
    runs = SplitSettings(split="50/50", by="run")
    sides = deal(tmp_path, Asked(runs))
    assert sum(held["groups"] for held in sides.summary["sides"].values()) == 8
    sides = deal(tmp_path, Asked(runs, breaks=BreakSettings(ends_run="cut")))
    assert sum(held["groups"] for held in sides.summary["sides"].values()) == 4


def same_bytes(dataset, video, other):
    store = Dataset(dataset)
    record, like = store.read_record(video), store.read_record(other)
    source = dataclasses.replace(record.source, sha256=like.source.sha256, stream=1)
    store.replace_record(dataclasses.replace(record, source=source))


def test_streams_of_one_file_stand_together_though_they_show_other_things(dataset):
    pairs = [(f"v{number:02}", f"v{number + 10:02}") for number in range(10)]
    for video, other in pairs:
        same_bytes(dataset, video, other)
    sides = deal(dataset)
    assert all(sides_of(sides)[a] == sides_of(sides)[b] for a, b in pairs)
    assert "v10 is of the same file as v00" in told(sides, "same-recording")[0]
    parted = sides_of(deal(dataset, SplitSettings(by="video")))
    assert any(parted[a] != parted[b] for a, b in pairs)


def test_a_video_is_known_again_under_another_name(dataset):
    first = deal(dataset)
    (dataset / "v00").rename(dataset / "zz")
    text = (dataset / "zz" / "video.json").read_text()
    (dataset / "zz" / "video.json").write_text(text.replace('"id": "v00"', '"id": "zz"'))
    for file in (dataset / "zz").glob("v00-*"):
        file.rename(file.with_name(file.name.replace("v00", "zz")))
    sides = sides_of(deal(dataset, before=first.record))
    assert sides["zz"] == sides_of(first)["v00"]
    assert "v00" not in sides


def test_runs_part_at_breaks_but_not_where_they_show_the_same(tmp_path):
    for number in range(6):
        write(tmp_path, f"v{number}", 12, cut=(4, 8), like=[(9, (f"v{number}", 1))])
    sides = deal(tmp_path, SplitSettings(by="run"))
    assert leaks(tmp_path, sides) == 0
    parted = 0
    for number in range(6):
        video = f"v{number}"
        of = [sides.side_of(video, frame) for frame in range(12)]
        assert len({*of[:4], *of[8:]}) == 1  # frame 9 is like frame 1
        assert len(set(of[4:8])) == 1
        parted += of[0] != of[4]
    assert parted
    again = deal(tmp_path, SplitSettings(), sides.record)
    assert again.record == sides.record
    assert again.record.text() == sides.record.text()


def test_label_shares_are_near_to_the_whole(tmp_path):
    chance = np.random.default_rng(5)
    labels = {}
    for number in range(60):
        frames = int(chance.integers(2, 6))
        write(tmp_path, f"v{number:02}", frames)
        objects = {"car": 9, "person": 3, "dog": int(number % 10 == 0) * 20}
        labels[f"v{number:02}"] = {
            label: chance.integers(0, frames, chance.poisson(mean))
            for label, mean in objects.items()
        }
    sides = deal(tmp_path, labels=labels)
    held = {side: each["labels"] for side, each in sides.summary["sides"].items()}
    whole = {
        label: sum(each[label] for each in held.values()) for label in ("car", "person", "dog")
    }
    for side in SIDES:
        for label, number in whole.items():
            share = held[side][label] / sum(held[side].values())
            assert share == pytest.approx(number / sum(whole.values()), abs=0.05)
    assert "shares-off" not in kinds(sides)
    assert sum(each["images"] for each in sides.summary["sides"].values()) == sum(
        len(each.frames) for each in material(Dataset(tmp_path)).values()
    )


def test_it_is_said_what_could_not_be_had(tmp_path):
    write(tmp_path, "long", 18)
    for number in range(3):
        write(tmp_path, f"v{number}", 4)
    sides = deal(tmp_path, SplitSettings("50/30/20"))
    assert told(sides, "shares-off")[0] == (
        "train has 60% of the images instead of 50%: of 4 groups that must stay together, long "
        "alone holds 60% of the images."
    )
    one = tmp_path / "one"
    write(one, "v0")
    sides = deal(one)
    assert told(sides, "empty-side") == [
        f"{side} is empty: all images together are 1 group that cannot be parted without a leak. "
        "Add footage of another time and place."
        for side in ("val", "test")
    ]


def test_black_images_join_nothing_and_stand_on_one_side(tmp_path):
    black = io.BytesIO()
    Image.new("RGB", (48, 32)).save(black, "JPEG")
    for number in range(12):
        video = f"v{number:02}"
        write_video(
            tmp_path, video, 6, content=lambda i, v=video: picture(v, i) if i else black.getvalue()
        )
    sides = deal(tmp_path)
    assert set(sides_of(sides).values()) == set(SIDES)
    for video, side in sides_of(sides).items():
        assert sides.side_of(video, 0) == ("train" if side == "train" else None)
        assert sides.side_of(video, 1) == side
    assert sides.summary["set_aside"] == sum(s != "train" for s in sides_of(sides).values())
    held = {side: each["images"] for side, each in sides.summary["sides"].items()}
    assert held == {
        side: sum((6 if s == "train" else 5) * (s == side) for s in sides_of(sides).values())
        for side in SIDES
    }
    assert len(told(sides, "shows-nothing")) == 1


def test_images_are_looked_at_once(dataset, monkeypatch):
    first = deal(dataset)
    read = []
    monkeypatch.setattr("video_prep.splits.looks.read_miniature", read.append)
    assert deal(dataset).record == first.record
    assert read == []
    write(dataset, "v05", 6, like=[(2, ("v06", 0))])  # extracted anew, and other now
    deal(dataset)
    assert [path.name for path in read] == ["v05-frame_000002.jpg"]


def test_what_cannot_be_read_is_told(dataset):
    (dataset / "v03" / "v03-frame_000002.jpg").write_bytes(b"no image")
    (dataset / "v04" / "v04-frame_000001.jpg").unlink()
    assert told(deal(dataset), "unreadable") == [
        "2 images cannot be read, so nobody knows what they are like; 'prep validate' tells more."
    ]


def test_of_nothing_nothing_is_dealt(dataset):
    store, none = Dataset(dataset), np.empty(0, np.int64)
    for given in ({}, {"v00": Material(none), "v01": Material(none, {"car": none})}):
        with InProcess(1) as engine:
            sides = deal_videos(store, given, Asked(), None, engine, Watch())
        assert sides.record.videos.keys() == given.keys()
        assert kinds(sides) == ["empty-side"] * 3


def test_what_was_dealt_in_one_way_is_not_dealt_in_another(dataset):
    first = deal(dataset, SplitSettings("70/20/10", "video", 3))
    assert deal(dataset, before=first.record).record == first.record
    with pytest.raises(UsageError, match=r"'split' is to be 80/10/10, but what .* with 70/20/10"):
        deal(dataset, SplitSettings("80/10/10"), first.record)


def test_the_seed_decides_and_the_order_does_not(dataset):
    assert deal(dataset).record == deal(dataset).record
    assert sides_of(deal(dataset)) != sides_of(deal(dataset, SplitSettings(seed=1)))


def test_re_encodings_stand_with_their_recording(tmp_path, prep):
    (tmp_path / "in").mkdir()
    for seed in range(8):
        pictures = grain(landscapes(seed, 12), 2, seed)
        film(tmp_path / "in" / f"r{seed}.mp4", pictures, *media.X264, rate="5")
        if seed < 3:
            small = ("-vf", "scale=96:72", "-crf", "32")
            film(tmp_path / "in" / f"small{seed}.mp4", pictures, *media.X264, *small, rate="5")
            film(tmp_path / "in" / f"part{seed}.mkv", pictures[3:9], "-c:v", "mpeg4", rate="5")
    assert prep("extract", "in", "-o", "ds").code == 0
    sides = deal(tmp_path / "ds")
    assert leaks(tmp_path / "ds", sides) == 0
    where = sides_of(sides)
    assert set(where.values()) == set(SIDES)
    for seed in range(3):
        assert where[f"r{seed}"] == where[f"small{seed}"] == where[f"part{seed}"]


def test_new_videos_one_by_one_make_up_for_what_stands_on_the_sides(dataset):
    """Each export holds one new video alone, and none of those from before."""
    sides = deal(dataset)
    for number in range(10):
        write(dataset, f"new{number}", 6)
        labels = {f"new{number}": {"car": np.arange(6)}}
        alone = deal(dataset, before=sides.record, labels=labels, only=[f"new{number}"])
        assert kinds(alone) == []
        assert sum(each["images"] for each in alone.summary["sides"].values()) == 6
        assert sides_of(alone).items() > sides_of(sides).items()
        sides = alone
    new = [side for video, side in sides_of(sides).items() if video.startswith("new")]
    assert [new.count(side) for side in SIDES] == [8, 1, 1]


def test_a_new_video_alone_stands_with_what_it_shows(dataset):
    first = deal(dataset)
    where = sides_of(first)
    for place, side in enumerate(("val", "test", "train")):
        old = next(video for video in where if where[video] == side)
        write(dataset, f"n{place}", like=[(3, (old, 2))])
        sides = deal(dataset, before=first.record, only=[f"n{place}"])
        assert sides_of(sides)[f"n{place}"] == side
        (text,) = told(sides, "same-recording")
        assert text.startswith(f"n{place}, {old} stand together ({side}): ")
        assert sides.stretches[f"n{place}"].aside.size == 0


def test_of_others_only_what_was_divided_counts_and_no_damage(dataset):
    """Frames that were never exported are not looked at; nothing is told of others alone."""
    store = Dataset(dataset)
    first = {video: Material(each.frames[:4]) for video, each in material(store).items()}
    with InProcess(1) as engine:
        sides = deal_videos(store, first, Asked(DEFAULT), None, engine, Watch())
    (dataset / "v03" / "v03-frame_000005.jpg").write_bytes(b"no image")
    (dataset / "v04" / "video.json").write_text("{")
    alone = deal(dataset, before=sides.record, only=["v05"])
    assert (kinds(alone), sides_of(alone)) == ([], sides_of(sides))
