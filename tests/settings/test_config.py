"""Settings: written once, checked, and the same for flag and file."""

import dataclasses
from pathlib import Path

import pytest
import yaml
from helpers.datasets import indices, record
from video_prep.base.errors import UsageError
from video_prep.settings.dedupe import DedupeSettings
from video_prep.settings.file import (
    SECTIONS,
    Config,
    effective_settings,
    load_config,
    render_default_config,
    settings_digest,
)
from video_prep.settings.stages import ExtractSettings

ROOT = Path(__file__).parents[2]


def write(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return path


def settings(tmp_path, text):
    return load_config(write(tmp_path, text)).section(ExtractSettings)


def test_shipped_default_config_is_the_one_that_init_writes():
    assert (ROOT / "configs" / "default.yaml").read_text() == render_default_config()


@pytest.mark.smoke
def test_default_config_explains_every_setting_and_changes_none(tmp_path):
    config = load_config(write(tmp_path, render_default_config()))
    for name, cls in SECTIONS.items():
        assert config.section(cls) == cls()
        for field in dataclasses.fields(cls):
            assert f"  # {field.name}: " in render_default_config().split(f"\n{name}:\n")[1]


def test_default_config_without_its_marks_is_valid(tmp_path):
    bare = render_default_config().replace("  # ", "  ")
    lines = [line for line in bare.splitlines() if not line.startswith("  ") or ": " in line]
    keys = {f.name for cls in SECTIONS.values() for f in dataclasses.fields(cls)}
    kept = [x for x in lines if not x.startswith("  ") or x.split(":")[0].strip() in keys]
    config = load_config(write(tmp_path, "\n".join(kept)))
    for cls in SECTIONS.values():
        assert config.section(cls) == cls()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extract:\n  qualty: 3", "Did you mean 'quality'"),
        ("extrct:\n  quality: 3", "Did you mean 'extract'"),
        ("extract:\n  quality: 32", "out of range"),
        ("extract:\n  quality: high", "expected int"),
        ("extract:\n  quality: true", "expected int"),
        ("extract:\n  format: webp", "none of jpg, png"),
        ("extract:\n  fps: fast", "not a frame rate"),
        ("extract:\n  fps: 0", "not a frame rate"),
        ("extract:\n  fps: 1e999999999", "not a frame rate"),
        ("extract:\n  fps: 5/0", "not a frame rate"),
        ("run:\n  workers: 99999999999999999999", "out of range"),
        ("a: " + "[" * 3000, "not a YAML file"),
        ("extract:\n  start: 4.5", "neither a frame"),
        ("extract: 5", "must hold keys"),
        ("- 1", "expected sections"),
        ("a: [", "not a YAML file"),
        ("run:\n  on_damage: ignore", "none of keep, fail"),
    ],
)
def test_bad_files_are_refused(tmp_path, text, message):
    with pytest.raises(UsageError, match=message):
        config = load_config(write(tmp_path, text))
        for cls in SECTIONS.values():
            config.section(cls)


def test_missing_file(tmp_path):
    with pytest.raises(UsageError, match="cannot read"):
        load_config(tmp_path / "none.yaml")


@pytest.mark.smoke
def test_yaml_traps_are_no_traps(tmp_path):
    assert settings(tmp_path, "extract:\n  start: 1:02\n  end: 10:00").start == "1:02"
    assert settings(tmp_path, "extract:\n  start: 62").start == "62"
    assert settings(tmp_path, "extract:\n  fps: 2.50").fps == "5/2"
    with pytest.raises(UsageError, match="expected bool"):
        settings(tmp_path, "extract:\n  keyframes: off")
    assert settings(tmp_path, "extract:\n").quality == ExtractSettings().quality
    assert settings(tmp_path, "") == ExtractSettings()


def test_flag_beats_file_and_file_beats_default():
    config = Config({"extract": {"quality": 9, "digits": 7}})
    made = config.with_flags({"quality": 2, "digits": None}).section(ExtractSettings)
    assert (made.quality, made.digits, made.format) == (2, 7, "jpg")


def test_digest_depends_on_the_meaning_alone():
    def digest(dedupe=None, **extract):
        dedupe = dedupe or DedupeSettings()
        return settings_digest(effective_settings(ExtractSettings(**extract), dedupe))

    assert digest(fps="2") == digest(fps="2.0")
    assert len({digest(quality=q) for q in range(1, 32)}) == 31
    for method in ("off", "still", "similar"):  # what a method does not use makes no difference
        used = {"off": set(), "still": {"hi", "max_gap"}, "similar": {"hi", "max_gap", "distance"}}
        for name, value in (("hi", 9.0), ("max_gap", 3), ("distance", 1)):
            changed = DedupeSettings(dedupe=method, **{name: value})
            differs = digest(changed) != digest(DedupeSettings(dedupe=method))
            assert differs == (name in used[method])


def test_settings_that_came_later_are_named_only_where_they_are_set():
    """So the datasets that were made before there were such settings are still valid."""
    made = effective_settings(ExtractSettings(), DedupeSettings())
    names = "quality digits format start end every fps keyframes max_size dedupe hi lo frac max_gap"
    assert list(made) == names.split()


def test_file_is_used_by_the_command(steady, prep, tmp_path):
    write(tmp_path, "extract:\n  every: 10\n  quality: 8\n")
    assert prep("extract", steady, "-o", "ds", "-c", "c.yaml", "--quality", "9").code == 0
    assert indices(tmp_path / "ds" / "steady") == [0, 10, 20, 30, 40]
    assert record(tmp_path / "ds" / "steady")["settings"]["quality"] == 9


def test_every_setting_has_a_name_of_its_own():
    """So a flag needs no section."""
    names = [field.name for cls in SECTIONS.values() for field in dataclasses.fields(cls)]
    assert len(names) == len(set(names))


def test_init_says_what_it_wrote(prep):
    assert prep("init", "my.yaml", "--json").json["files"] == [{"file": "my.yaml"}]


def test_init_writes_once(prep, tmp_path):
    assert prep("init").code == 0
    assert (tmp_path / "prep.yaml").read_text() == render_default_config()
    assert yaml.safe_load((tmp_path / "prep.yaml").read_text()) == dict.fromkeys(SECTIONS)
    again = prep("init")
    assert again.code == 2
    assert "there already" in again.err
    assert prep("init", "no/such/folder.yaml").code == 2
