"""The record of sides: people may read it, and write one."""

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st
from video_prep.base.errors import UsageError
from video_prep.settings.splits import SplitSettings
from video_prep.splits.record import SplitRecord, VideoSides, fix, read_record

SIDES = st.sampled_from(["train", "val", "test", "aside"])
TEXTS = st.none() | st.text(max_size=5)


@st.composite
def videos(draw):
    if draw(st.booleans()):
        return VideoSides(draw(SIDES), (), draw(TEXTS), draw(TEXTS), draw(st.booleans()))
    cuts = sorted(draw(st.sets(st.integers(0, 99), min_size=2, max_size=6)))
    runs = tuple((first, last - 1, draw(SIDES)) for first, last in pairwise(cuts))
    return VideoSides(None, runs, draw(TEXTS), draw(TEXTS), draw(st.booleans()))


@given(st.dictionaries(st.text(max_size=5), videos()))
def test_what_is_written_is_read_again(tmp_path_factory, found):
    path = tmp_path_factory.mktemp("record") / "splits.json"
    record = SplitRecord(found, SplitSettings("70/30", "run", 4))
    path.write_text(record.text())
    assert read_record(path) == record


def test_it_is_a_line_a_video(tmp_path):
    record = SplitRecord(
        {"v2": VideoSides("val", (), "ab", "v1"), "v1": VideoSides(None, ((0, 3, "val"),))},
        SplitSettings("80/10/10", "recording", 0),
    )
    assert record.text() == (
        '{\n  "version": 1,\n'
        '  "settings": {"split": "80/10/10", "by": "recording", "seed": 0},\n'
        '  "videos": {\n'
        '    "v1": {"runs": [[0, 3, "val"]]},\n'
        '    "v2": {"content": "ab", "recording": "v1", "side": "val"}\n'
        "  }\n}\n"
    )
    assert read_record(tmp_path / "none.json") is None


def test_sides_by_hand_are_enough(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{"videos": {"v1": "train", "v2": "val"}}')
    old = SplitRecord({"v2": VideoSides("test", (), "ab"), "v3": VideoSides("val")})
    assert fix(old, path).videos == {
        "v1": VideoSides("train", by_hand=True),
        "v2": VideoSides("val", by_hand=True),
        "v3": VideoSides("val"),
    }
    assert fix(None, path).videos.keys() == {"v1", "v2"}
    with pytest.raises(UsageError, match="there is no such file"):
        fix(old, tmp_path / "gone.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "this is no JSON"),
        ("[" * 100_000, "this is no JSON"),
        ("[]", "no sides of videos are in it"),
        ('{"videos": []}', "no sides of videos are in it"),
        ('{"video": {}}', "no sides of videos are in it"),
        ('{"videos": {}, "sides": 1}', "key 'sides' is unknown"),
        ('{"videos": {"a": "trian"}}', "side 'trian' is unknown. Did you mean 'train'?"),
        ('{"videos": {"a": 3}}', "video 'a': expected a side"),
        ('{"videos": {"a": {}}}', "expected either 'side' or 'runs'"),
        ('{"videos": {"a": {"side": "val", "runs": []}}}', "expected either 'side' or 'runs'"),
        ('{"videos": {"a": {"side": ["val"]}}}', "side"),
        ('{"videos": {"a": {"sid": "val"}}}', "Did you mean 'side'?"),
        ('{"videos": {"a": {"runs": [[3, 2, "val"]]}}}', "a run is its first frame"),
        ('{"videos": {"a": {"runs": 3}}}', "'runs' is a list"),
        ('{"videos": {"a": {"runs": [[0, 2, "val"], [2, 3, "val"]]}}}', "its runs overlap"),
        ('{"videos": {"a": {"runs": [[0, 2, "vall"]]}}}', "side 'vall' is unknown"),
        ('{"videos": {"a": {"side": "val", "content": 3}}}', "'content' and 'recording' are texts"),
        ('{"videos": {}, "version": 2}', "was written by a newer prep"),
        ('{"videos": {}, "settings": {"split": "1/2"}}', "are to be 100 per cent together"),
        ('{"videos": {}, "settings": {"by": "day"}}', "by"),
        ('{"videos": {}, "settings": {"sead": 1}}', "Did you mean 'seed'?"),
    ],
)
def test_what_is_no_record_is_refused(text, said, tmp_path):
    path = tmp_path / "splits.json"
    path.write_text(text)
    with pytest.raises(UsageError) as refused:
        read_record(path)
    assert said in str(refused.value)
    assert str(path) in str(refused.value)
