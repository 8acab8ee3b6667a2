"""The scripts beside the product load and run: no type checker sees the code in their strings."""

import dataclasses
import importlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.prep import command
from video_prep.settings.stages import RunSettings
from video_prep.video.binary import find_ffmpeg

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture(autouse=True)
def beside_the_scripts(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)


@pytest.mark.parametrize("name", sorted(path.stem for path in SCRIPTS.glob("*.py")))
def test_each_script_loads(name):
    assert importlib.import_module(name).__doc__


def test_every_step_on_a_dataset_is_carried_out(tmp_path, capsys):
    bench = importlib.import_module("bench_dataset")
    bench.bench_dataset(command(), tmp_path, frames=40, videos=2)
    codes = re.findall(r"^\| (.+) \| [\d.]+ \| \d+ MB \| (\d+) \|$", capsys.readouterr().out, re.M)
    assert len(codes) == 9
    assert [step for step, code in codes if code != "0"] == []


def test_an_engine_is_measured_with_units_and_with_clips(steady, tmp_path):
    engine = importlib.import_module("bench_scale").ENGINE
    for what in ("20", steady.parent):
        done = subprocess.run(
            [sys.executable, "-c", engine, "threads", str(what), str(tmp_path / "datasets")],
            capture_output=True,
            text=True,
            check=True,
        )
        assert len(done.stdout.split()) == 2


def test_both_sides_of_a_contest_are_measured(steady, tmp_path, capsys, monkeypatch):
    speed = importlib.import_module("bench_speed")
    monkeypatch.setattr(speed, "PREP", command())
    contest = speed.whole(find_ffmpeg(RunSettings()).path, "steady", steady, "off")
    speed.measure(contest, tmp_path, pairs=2)
    numbers = r"\| [\d.]+ s \| [\d.]+ s \| \*\*[\d.]+\*\* \([\d.]+–[\d.]+\) "
    row = rf"\| steady, `--dedupe off` (?:{numbers}){{2}}\| [\d.]+ \| \d+, \d+, \d+ \|\n"
    assert re.fullmatch(row, capsys.readouterr().out)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def make_scene():
    """Makes a scene of 32 frames; with contrast, an object rests for 25 of them and then moves."""
    scenes = importlib.import_module("bench_scenes")

    def make(noise=1.0, contrast=0.0, size=24, speed=4.0, **more):
        scene = scenes.one_object(noise, contrast, size, speed, **more)
        per_frame = {
            "paths": scene.paths[:, :32] if contrast else scene.paths[:0, :32],
            **{name: getattr(scene, name)[:32] for name in ("light", "pan", "colour")},
        }
        return dataclasses.replace(scene, **per_frame)

    return make


def test_a_choice_of_frames_is_judged_by_what_moved(make_scene):
    judge = importlib.import_module("bench_scenes").judge
    judged = judge(make_scene(contrast=50), [0, 3, 26, 30])
    assert dataclasses.astuple(judged) == (1, 24, 2, 7, 12.0, 0.0)
    assert judge(make_scene(contrast=50), range(32)).farthest_px == 0
    came = make_scene(contrast=50, speed=0)
    came.paths[0, :4] = np.nan
    assert dataclasses.astuple(judge(came, [0]))[2:] == (0, 1, np.inf, 0.0)
    assert dataclasses.astuple(judge(came, [0, 4])) == (0, 30, 1, 1, 0.0, 0.0)


def test_a_choice_of_frames_is_judged_by_light_colour_and_pan(make_scene):
    judge = importlib.import_module("bench_scenes").judge
    scene = make_scene()
    scene.light[10:] = 1.2
    scene.colour[20:, 1] += 30
    scene.pan[30:] += 0.5
    judged = judge(scene, [0, 10])
    assert (judged.still, judged.moved, judged.moved_kept) == (28, 3, 1)
    assert (judged.farthest_px, judged.drift_levels) == (0.5, 30)
    assert judge(scene, [0, 20]).drift_levels == pytest.approx(0.2 * 115, abs=0.001)
    assert scene.level[[9, 10, 20]] == pytest.approx([0, 23, 30], abs=0.001)


def test_scenes_are_many_and_differ():
    scenes = list(importlib.import_module("bench_scenes").scenes())
    assert len(scenes) >= 60
    assert len({scene.name for scene in scenes}) == len(scenes)
    assert len({scene.digest for scene in scenes}) == len(scenes)


def test_a_scene_is_filmed_as_it_is_described(make_scene, tmp_path):
    film = importlib.import_module("bench_film")
    ffmpeg = find_ffmpeg(RunSettings()).path
    scene = make_scene(noise=6, contrast=60, codec="mjpeg", quality=2)
    film.film_scene(ffmpeg, scene, tmp_path / "scene.avi")
    frames = film.decode_grey(ffmpeg, tmp_path / "scene.avi")
    assert frames.shape == (32, 360, 640)
    still = frames[:25].astype(np.float32)
    assert still.std(axis=0).mean() == pytest.approx(6, abs=0.7)
    x, y = scene.offset_px[0].astype(int)
    before, after = (frames[part, y : y + 24, x : x + 24].mean() for part in (slice(25), -1))
    assert before - after == pytest.approx(60, abs=2)
    assert film.lag_px(scene, frames) == 0
    assert film.lag_px(scene, frames[[*range(28), 27, 27, 30, 31]]) == 8  # 27 stands for 29, too
    grain = film.grain_of(ffmpeg, tmp_path / "scene.avi")
    assert grain.shape == (32, 360, 640)
    assert grain.std() == pytest.approx(1, abs=0.01)
    assert abs((grain[1:] * grain[:-1]).mean()) < 0.2


def test_dedupe_is_measured_scene_by_scene(make_scene, tmp_path, capsys):
    bench = importlib.import_module("bench_dedupe")
    shown = [make_scene(2, 80), make_scene(13, 80, codec="hevc", quality=28)]
    ffmpeg = find_ffmpeg(RunSettings()).path
    bench.compare_methods(ffmpeg, tmp_path, tmp_path, shown)
    out = capsys.readouterr().out
    rows = [line.strip("| ").split(" | ")[:5] for line in re.findall(r"^\| noise \d.*$", out, re.M)]
    assert rows[0] == [shown[0].name, "0%", "100%", "0", "–"]
    assert [rows[1][0], rows[1][4]] == [shown[1].name, "no aim"]
    assert re.search(r"^\| prep \| 2 \| .* \| 1 of 1 \|$", out, re.M)
    assert "| white, up to 4 | 1 | 0% | 100% | 0 | 1 of 1 |" in out
    assert re.search(r"^\| without an aim \| 1 \| .* \| 0 of 0 \|$", out, re.M)
    assert "0 of 1 scenes with an aim miss it" in out
    assert len(list(tmp_path.glob("*.mp4"))) == 2


def test_a_scene_that_misses_its_aim_says_by_how_much(make_scene):
    bench = importlib.import_module("bench_dedupe")
    judged = importlib.import_module("bench_scenes").Judged(6, 100, 90, 100, 2.5, 3.5)
    misses = ["still kept 6%", "2.5 px off (shown 3 px late)", "3.5 levels off"]
    assert bench.Row(make_scene(12, 48), judged, lag_px=3.0).misses == misses
    assert bench.Row(make_scene(12), judged, lag_px=0).misses[1] == "2.5 px off"
    assert bench.Row(make_scene(12, 47), judged, lag_px=3.0).misses == []
    assert bench.Row(make_scene(13, 80), judged, lag_px=3.0).misses == []
    came = dataclasses.replace(judged, farthest_px=np.inf)
    assert bench.Row(make_scene(12), came, lag_px=0).misses[1] == "a whole object off"
    met = dataclasses.replace(judged, still_kept=5, farthest_px=2.0, drift_levels=3.0)
    assert bench.Row(make_scene(12, 48), met, lag_px=3.0).misses == []
