"""Regions to ignore: written one way, refused clearly, and each video has its own alone."""

import json
from fractions import Fraction

import pytest
from helpers.datasets import record
from PIL import Image
from video_prep.base.errors import UsageError
from video_prep.settings.dedupe import DedupeSettings
from video_prep.settings.file import (
    Config,
    effective_dedupe,
    load_config,
    settings_digest,
    shown,
)
from video_prep.settings.regions import parse_region, read_region


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("1180,0,1280,40", "1180,0,1280,40"),
        (" 1180, 0 ,1280,040.50 ", "1180,0,1280,40.5"),
        ("92%,0%,100%,6.50%", "92%,0%,100%,6.5%"),
        ("92%,0,100%,6%", "92%,0%,100%,6%"),
        ("10,10 200,10  120, 90", "10,10 200,10 120,90"),
        ("0%,0% 50%,0% 0%,50%", "0%,0% 50%,0% 0%,50%"),
    ],
)
def test_a_region_is_written_one_way(text, same):
    assert str(parse_region(text)) == same
    assert parse_region(same) == parse_region(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is neither four numbers"),
        ("1180 0 1280 40", "is neither four numbers"),
        ("1,2,3,4,5,6", "is neither four numbers"),
        ("0,0,10,10 3,3", "is neither four numbers"),
        ("clock", "is not four numbers with commas between, all in one text"),
        ("nan,0,1,1", "holds 'nan', which is no number"),
        ("1e3,0,2e3,1", "holds '1e3', which is no number"),
        ("٣,0,9,9", "holds '٣', which is no number"),
        ("-5,0,10,10", "lies outside of the frame: -5, but numbers begin at 0"),
        ("0%,0%,101%,5%", "lies outside of the frame: 101% is more than all of it"),
        ("1180,0,100%,6%", "mixes pixels and shares: 1180 has no %"),
        ("1280,0,1180,40", "right edge at 1180, which is not beyond its left edge at 1280"),
        ("1180,0,100,40", "the last two numbers are edges, no width and height"),
        ("0,40,10,40", "bottom edge at 40, which is not beyond its top edge at 40"),
        ("10,10 200,10", "has 2 corners, but a polygon has 3 or more"),
        ("1,1 2,2 3,3 1,1", "has no area"),
        ("7,7 7,7 7,7", "has no area"),
    ],
)
def test_what_is_no_region_is_refused_with_an_example(text, what):
    with pytest.raises(UsageError) as caught:
        parse_region(text)
    assert str(caught.value).startswith(f"ignore: '{text}' ")
    assert what in caught.value.what
    assert "such as 1180,0,1280,40" in caught.value.way_out


def test_corners_are_in_pixels_of_the_frame():
    assert parse_region("92%,0%,100%,6.25%").corners(1280, 720) == (
        (left := Fraction("1177.6"), 0), (1280, 0), (1280, 45), (left, 45),
    )  # fmt: skip
    assert parse_region("10,10 200,10 120,90").corners(64, 48) == ((10, 10), (200, 10), (120, 90))


@pytest.mark.parametrize(
    ("pattern", "video_id", "name", "is_meant"),
    [
        ("cam2", "cam2", "cam2.mp4", True),
        ("cam2.mp4", "night_cam2", "night/cam2.mp4", True),
        ("night/*", "night_cam2", "night/cam2.mp4", True),
        ("cam[12]*", "cam2_a", "cam2/a.mp4", True),
        ("cam2/*.mp4", "cam2_a", "cam2/a.mp4", True),
        ("cam2", "cam21", "cam21.mp4", False),
        ("CAM2", "cam2", "cam2.mp4", False),
        ("night", "night_cam2", "night/cam2.mp4", False),
    ],
)
def test_patterns_match_the_id_the_path_under_the_folder_and_the_name(
    pattern, video_id, name, is_meant
):
    region = read_region({"videos": pattern, "region": "0,0,8,8"})
    assert region.is_for(video_id, name) == is_meant
    assert read_region("0,0,8,8").is_for(video_id, name)


def in_file(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text("dedupe:\n  ignore:" + text)
    return load_config(path).section(DedupeSettings)


def test_a_file_lists_regions_and_may_say_for_which_videos(tmp_path):
    made = in_file(
        tmp_path,
        "\n  - 1180,0,1280,40\n  - {videos: 'cam2*', region: '0%,90%,20%,100%'}\n"
        "  - videos: 7\n    region: 10,10 200,10 120,90\n",
    )
    assert [(str(region), region.videos) for region in made.regions] == [
        ("1180,0,1280,40", None), ("0%,90%,20%,100%", "cam2*"), ("10,10 200,10 120,90", "7"),
    ]  # fmt: skip
    assert in_file(tmp_path, " 92%,0%,100%,6%").regions == (parse_region("92%,0%,100%,6%"),)
    assert in_file(tmp_path, "").regions == in_file(tmp_path, " []").regions == ()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (" [1180, 0, 1280, 40]", "'1180' is not four numbers with commas between, all in one text"),
        (" [[1180, 0, 1280, 40]]", "all in one text"),
        (" {video: cam2, region: '0,0,8,8'}", "Did you mean 'videos'"),
        (" [{region: '0,0,8,8'}]", "'videos' is missing"),
        (" [{videos: , region: '0,0,8,8'}]", "'videos' is missing"),
        (" [{videos: cam2}]", "'region' is missing"),
        (" [{videos: cam2, region: 8}]", "'8' is not four numbers"),
        (" [{videos: cam2, region: ['0,0,8,8']}]", "all in one text"),
    ],
)
def test_a_file_that_lists_something_else_is_refused(tmp_path, text, what):
    with pytest.raises(UsageError) as caught:
        in_file(tmp_path, text)
    assert what in str(caught.value)


def test_flags_take_the_place_of_the_list_in_the_file():
    config = Config({"dedupe": {"ignore": ["0,0,8,8"]}})
    regions = config.with_flags({"ignore": ("1,1,2,2", "3,3,4,4")}).section(DedupeSettings).regions
    assert [*map(str, regions)] == ["1,1,2,2", "3,3,4,4"]
    assert config.with_flags({"ignore": ()}) == config
    assert "dedupe" not in Config({}).with_flags({"ignore": ()}).values


def test_only_the_regions_of_a_video_are_among_its_settings():
    """So one more region for another video changes nothing, nor does their order."""

    def digest(*entries, dedupe="still"):
        settings = DedupeSettings(dedupe=dedupe, ignore=entries).for_video("cam1", "cam1.mp4")
        return settings_digest(effective_dedupe(settings))

    for_cam2 = {"videos": "cam2", "region": "1,1,9,9"}
    for_cam1 = {"videos": "cam1", "region": "0,0,8,8"}
    assert digest() == digest(for_cam2) != digest(for_cam1)
    assert digest("0,0,8,8") == digest(for_cam1, "0,0,8,8") == digest(for_cam2, for_cam1)
    assert digest("0,0,8,8", "1,1,9,9") == digest("1,1,9,9", "0,0,8,8")
    assert digest("0,0,8,8", dedupe="off") == digest(dedupe="off")
    made = DedupeSettings(ignore=("5,5,6,6", for_cam1, for_cam2)).for_video("cam1", "cam1.mp4")
    assert effective_dedupe(made)["ignore"] == ["0,0,8,8", "5,5,6,6"]
    assert "ignore" not in effective_dedupe(DedupeSettings())


def test_settings_are_shown_as_people_write_them():
    assert shown(["1,1,2,2", "10,10 200,10 120,90"]) == "'1,1,2,2' and '10,10 200,10 120,90'"
    assert (shown(None), shown(4)) == ("not set", "4")


def test_a_wrong_region_is_refused_before_any_work(steady, prep, tmp_path):
    done = prep("extract", steady, "-o", "ds", "--ignore", "10,10")
    assert done.code == 2
    assert "ignore: '10,10' has 1 corner, but a polygon has 3 or more." in done.err
    assert not (tmp_path / "ds").exists()


def test_one_more_region_for_another_video_leaves_a_video_unchanged(steady, prep, tmp_path):
    (tmp_path / "in").mkdir()
    for name in ("cam1.mp4", "cam2.mp4"):
        (tmp_path / "in" / name).write_bytes(steady.read_bytes() + name.encode())
    (tmp_path / "c.yaml").write_text("dedupe:\n  ignore: [{videos: cam1, region: '0,0,8,8'}]\n")
    run = ("extract", "in", "-o", "ds", "-c", "c.yaml", "--every", "10")
    assert prep(*run).code == 0
    first, second = (record(tmp_path / "ds" / name)["settings"] for name in ("cam1", "cam2"))
    assert first["ignore"] == ["0,0,8,8"]
    assert "ignore" not in second
    assert prep(*run, "--json").json["totals"]["unchanged"] == 2
    (tmp_path / "c.yaml").write_text(
        "dedupe:\n  ignore:\n  - {videos: cam1, region: '0,0,8,8'}\n"
        "  - {videos: cam2, region: '50%,0%,100%,50%'}\n"
    )
    again = prep(*run)
    assert again.code == 2
    assert "1 video is in the dataset already with other settings: cam2 " in again.err
    assert "(ignore not set → '50%,0%,100%,50%')" in again.err
    assert prep("extract", "in/cam1.mp4", *run[2:], "--json").json["totals"]["unchanged"] == 1
    assert prep(*run, "--overwrite").code == 0
    assert record(tmp_path / "ds" / "cam2")["settings"]["ignore"] == ["50%,0%,100%,50%"]
    assert prep(*run, "--json").json["totals"]["unchanged"] == 2
    (tmp_path / "ds" / "cam2" / "cam2-frame_000010.jpg").unlink()
    assert prep("dedupe", "ds", "--restore").code in {0, 1}
    assert prep(*run, "--json").json["totals"]["unchanged"] == 2


def test_a_pattern_that_no_video_fits_is_told(steady, prep, tmp_path):
    (tmp_path / "c.yaml").write_text(
        "dedupe:\n  ignore:\n  - {videos: stedy, region: '0,0,8,8'}\n"
        "  - {videos: st*, region: '1,1,9,9'}\n"
    )
    told = "unused-region: ignore: no video fits the pattern 'stedy' of the region 0,0,8,8."
    for _ in range(2):  # also when the videos are there already
        done = prep("extract", steady, "-o", "ds", "--every", "10", "-c", "c.yaml")
        assert done.code == 0
        assert told in done.out
        assert "st*" not in done.out


def test_the_marks_of_a_folder_name_its_own_regions(prep, tmp_path):
    for name in ("cam1", "cam2/day"):
        (tmp_path / "in" / name).mkdir(parents=True)
        Image.new("RGB", (16, 16)).save(tmp_path / "in" / name / "0.png")
    (tmp_path / "c.yaml").write_text(
        "dedupe:\n  ignore: [{videos: 'cam2/*', region: '0,0,8,8'}, '8,8,16,16']\n"
    )
    assert prep("dedupe", "in", "-c", "c.yaml").code == 0
    named = [
        json.loads((tmp_path / "in" / name / "dedupe.json").read_text())["settings"]["ignore"]
        for name in ("cam1", "cam2/day")
    ]
    assert named == [["8,8,16,16"], ["0,0,8,8", "8,8,16,16"]]
    assert prep("dedupe", "in", "--ignore", "1,1,9,9", "--json").code == 0
    assert '"1,1,9,9"' in (tmp_path / "in" / "cam1" / "dedupe.json").read_text()


def test_a_region_outside_of_the_frames_costs_only_the_videos_that_are_too_small(
    steady, prep, tmp_path
):
    """A frame of 160×120 may turn out to stand upright, where 120 pixels below the top are left."""
    options = ("-o", "ds", "--every", "10", "--ignore")
    done = prep("extract", steady, *options, "160,0,170,8", "--json")
    assert done.code == 3
    (error,) = done.json["errors"]
    assert (
        "ignore: '160,0,170,8' lies outside of the frames of this video, which are 160×120."
        in (error["message"])
    )
    assert "{videos: 'cam2*', region: '160,0,170,8'}" in error["message"]
    assert prep("extract", steady, *options, "0,120,8,130").code == 0
    assert prep("extract", steady, "--overwrite", *options, "150,0,900,8").code == 0
    for text in ("0%,0%,100%,100%", "0,0,160,120"):
        whole = prep("extract", steady, "--overwrite", *options, text, "--json")
        assert whole.code == 3
        assert f"ignore: '{text}' is all of the frames" in whole.json["errors"][0]["message"]
    assert prep("extract", steady, "--overwrite", *options, "0,0,160,119").code == 0
    outside = (*options, "160,0,170,8", "--overwrite")
    assert prep("extract", steady, *outside, "--dedupe", "off").code == 0
