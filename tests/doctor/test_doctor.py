"""prep doctor: what is broken cannot pass for well, and what is well is proven."""

import importlib
import importlib.metadata
import json
import os
import re
import signal
import subprocess
import tempfile
import tomllib
from pathlib import Path

import numpy as np
import pytest
from helpers import media
from helpers.patience import PATIENCE_SECONDS, wait_for
from helpers.prep import command, environment
from video_prep.cli import run
from video_prep.doctor import clip

OPENCV = "opencv-python-headless"

# Each outside library: the call, the argument that it refuses from now on (by name or place, None
# for all), the check that must fail, and the distribution that it must name.
BROKEN = """
    av:open                                            options              probe    av
    cv2:boxFilter                                      borderType           extract  opencv
    cv2:imdecode                                       1                    extract  opencv
    cv2:Laplacian                                      1                    validate opencv
    cvat_sdk.api_client.rest:RESTClientObject.__init__ 1                    upload   cvat-sdk
    cvat_sdk.core.client:AccessTokenCredentials        0                    upload   cvat-sdk
    cvat_sdk.core.client:Client.__init__               check_server_version upload   cvat-sdk
    cvat_sdk.core.client:Client.close                  0                    upload   cvat-sdk
    cvat_sdk.core.client:Config                        verify_ssl           upload   cvat-sdk
    cvat_sdk.core.helpers:make_request_headers         0                    upload   cvat-sdk
    ffmpeg:input                                       copyts               extract  ffmpeg-python
    ffmpeg:merge_outputs                               0                    extract  ffmpeg-python
    filelock:FileLock                                  timeout              lock     filelock
    jinja2:Environment.__init__                        undefined            report   jinja2
    jinja2:PackageLoader.__init__                      1                    report   jinja2
    numpy:frombuffer                                   dtype                extract  numpy
    numpy:packbits                                     0                    extract  numpy
    PIL.Image:Image.save                               quality              report   pillow
    PIL.Image:open                                     0                    pictures pillow
    pyarrow:array                                      mask                 extract  pyarrow
    pyarrow.parquet:ParquetFile                        pre_buffer           extract  pyarrow
    pyarrow.parquet:write_table                        compression          extract  pyarrow
    simplejpeg:decode_jpeg                             strict               validate simplejpeg
    simplejpeg:decode_jpeg_header                      0                    extract  simplejpeg
    tqdm:tqdm.__init__                                 dynamic_ncols        progress tqdm
    urllib3:PoolManager.request                        timeout              upload   cvat-sdk
    yaml:load                                          1                    settings pyyaml
    yaml:safe_dump                                     0                    settings pyyaml
    zipstream.ng:ZipStream.__init__                    sized                upload   zipstream-ng
    zipstream.ng:ZipStream.add                         size                 upload   zipstream-ng
"""
TABLE = [line.replace("opencv", OPENCV).split() for line in BROKEN.strip().splitlines()]


def refuse(call, argument):
    """Return a call as the next release of its library may have it: without one argument."""

    def refusing(*arguments, **named):
        place = int(argument) if argument.isdecimal() else len(arguments)
        if argument == "None" or argument in named or place < len(arguments):
            raise TypeError(f"got an unexpected argument {argument}")
        return call(*arguments, **named)

    return refusing


def diagnose(capsys, *arguments):
    """Run the doctor in this process, where it can be tampered with; return code and checks."""
    code = run(["doctor", "--json", "--engine", "threads", *arguments])
    out = capsys.readouterr().out
    assert "Traceback" not in out
    return code, {check["name"]: check for check in json.loads(out)["findings"]}


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    """No server, a temporary folder to look into, and a home of its own."""
    for name in [name for name in os.environ if name.startswith(("CVAT_", "PREP_FFMPEG"))]:
        monkeypatch.delenv(name)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.smoke
def test_everything_here_works(capsys, tmp_path):
    code, checks = diagnose(capsys)
    told = {name: check["detail"] for name, check in checks.items() if not check["ok"]}
    assert (code, told) in ((0, {}), (1, {"disk": checks["disk"]["detail"]}))
    assert checks["extract"]["detail"].startswith("24 frames, 12 without duplicates (ffmpeg-pyth")
    assert not any((tmp_path / "temporary").iterdir())


@pytest.mark.parametrize(("call", "argument", "name", "library"), TABLE, ids=[r[0] for r in TABLE])
def test_a_broken_library_is_named(call, argument, name, library, monkeypatch, capsys, tmp_path):
    module, _, path = call.partition(":")
    target = importlib.import_module(module)
    *owners, attribute = path.split(".")
    for owner in owners:
        target = getattr(target, owner)
    monkeypatch.setattr(target, attribute, refuse(getattr(target, attribute), argument))
    code, checks = diagnose(capsys)
    assert (code, checks[name]["ok"]) == (2, False)
    assert library in checks[name]["detail"]
    assert "Install video-prep again" in checks[name]["detail"]
    assert not any((tmp_path / "temporary").iterdir())


def test_every_library_is_broken_once():
    with (Path(__file__).parents[2] / "pyproject.toml").open("rb") as file:
        needed = tomllib.load(file)["project"]["dependencies"]
    names = {re.match(r"[\w-]+", each)[0] for each in needed}
    only_a_file = "imageio-ffmpeg"
    assert {row[3] for row in TABLE} | {"click", only_a_file} == names


WRONG = {
    "simplejpeg:decode_jpeg": (
        "validate",
        lambda data, **named: np.zeros((clip.HEIGHT, clip.WIDTH, 1), np.uint8),
        "images with the right brightness: 0, but 12 is right",
    ),
    "PIL.Image:Image.save": ("report", lambda *arguments, **named: 1 / 0, "no pictures"),
}


@pytest.mark.parametrize("call", WRONG)
def test_what_gives_something_else_is_found(call, monkeypatch, capsys):
    name, wrong, words = WRONG[call]
    module, _, path = call.partition(":")
    monkeypatch.setattr(f"{module}.{path}", wrong)
    code, checks = diagnose(capsys)
    assert (code, checks[name]["ok"], words in checks[name]["detail"]) == (2, False, True)


@pytest.fixture
def tampered(prep_process, tmp_path):
    """Run prep in processes that all begin with a line of Python."""

    def start(line, *arguments):
        (tmp_path / "sitecustomize.py").write_text(line)
        path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
        return prep_process(*arguments, PYTHONPATH=path)

    return start


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import click; click.IntRange = None", "'NoneType' object is not callable at options.py:"),
        ("import click; click.echo = lambda text: None", "<lambda>() got an unexpected keyword"),
    ],
)
def test_a_broken_click_is_named(line, words, tampered):
    done = tampered(line, "doctor")
    assert (done.code, done.out) == (70, "")
    assert done.err.startswith(f"error: prep cannot run: TypeError: {words}")
    assert f"(click {importlib.metadata.version('click')}). Install video-prep again" in done.err


@pytest.mark.parametrize("module", ["av", "cv2", "imageio_ffmpeg", "numpy", "tqdm"])
def test_a_missing_library_fails_what_needs_it_alone(module, tampered):
    done = tampered(f"import sys; sys.modules['{module}'] = None", "doctor", "--json")
    assert done.code == 2
    checks = {check["name"]: check for check in done.json["findings"]}
    assert f"ModuleNotFoundError: import of {module} halted" in str(done.json["errors"])
    assert checks["settings"]["ok"]


def test_a_library_that_kills_its_process_is_named(tampered):
    line = "import cv2, os; cv2.dct = lambda *parts: os.kill(os.getpid(), 4)"
    done = tampered(line, "doctor", "--json")
    checks = {check["name"]: check for check in done.json["findings"]}
    assert (done.code, checks["extract"]["ok"]) == (2, False)
    assert "the worker process was killed by SIGILL" in checks["extract"]["detail"]
    assert OPENCV in checks["extract"]["detail"]


def fake(folder, script):
    """Make an ffmpeg that does what a shell script says, which may call the real one."""
    path = folder / "ffmpeg"
    path.write_text(f"#!/bin/bash\nreal={media.FFMPEG}\n{script}\n")
    path.chmod(0o755)
    return path


WITHOUT_HWACCEL = """
arguments=()
while [ $# -gt 0 ]; do
    case $1 in -hwaccel | -init_hw_device) shift ;; *) arguments+=("$1") ;; esac
    shift
done
"""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cuda", "can open no such device here ("),
        ("vaapi", "can open no such device here ("),
        ("nonsense", "hwaccel 'nonsense': this ffmpeg does not offer it (it has: "),
    ],
)
def test_hardware_that_is_not_there(name, words, monkeypatch, capsys):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # also where there is one
    monkeypatch.setenv("LIBVA_DRIVER_NAME", "none")
    code, checks = diagnose(capsys, "--hwaccel", name)
    assert (code, checks["hwaccel"]["ok"], checks["extract"]["ok"]) == (2, False, True)
    assert words in checks["hwaccel"]["detail"]


def test_software_in_place_of_hardware_is_found(tmp_path, capsys):
    ffmpeg = fake(tmp_path, f'{WITHOUT_HWACCEL} exec "$real" "${{arguments[@]}}"')
    code, checks = diagnose(capsys, "--ffmpeg", str(ffmpeg), "--hwaccel", "cuda")
    assert (code, checks["hwaccel"]["ok"], checks["extract"]["ok"]) == (2, False, True)
    words = "hwaccel 'cuda': ffmpeg decoded h264 in software all the same"
    assert words in checks["hwaccel"]["detail"]


def test_hardware_that_works(tmp_path, capsys):
    # What ffmpeg says of its pixel format is made up here: no machine of CI has such a device.
    told = "s/Format yuv420p chosen by get_format/Format cuda chosen by get_format/"
    ffmpeg = fake(tmp_path, f'{WITHOUT_HWACCEL} "$real" "${{arguments[@]}}" 2> >(sed "{told}" >&2)')
    code, checks = diagnose(capsys, "--ffmpeg", str(ffmpeg), "--hwaccel", "cuda")
    assert (code in {0, 1}, checks["hwaccel"]["ok"]) == (True, True)
    assert checks["hwaccel"]["detail"] == "cuda: every frame decoded in hardware (cuda)"


def test_an_ffmpeg_that_makes_no_clip(tmp_path, capsys):
    script = 'case "$*" in *clip.yuv*) echo no clips today >&2; exit 3 ;; esac; exec "$real" "$@"'
    code, checks = diagnose(capsys, "--ffmpeg", str(fake(tmp_path, script)))
    assert (code, checks["ffmpeg"]["ok"]) == (2, False)
    assert "cannot make a clip: no clips today. Try another" in checks["ffmpeg"]["detail"]
    assert checks["extract"]["detail"] == "not tried: it needs what 'probe' makes."


def test_pictures_of_other_frames_are_found(tmp_path, capsys):
    script = 'case "$*" in *clip.yuv*) exec "$real" "${@:1:$#-1}" -vf hflip "${@:$#}" ;; esac'
    ffmpeg = fake(tmp_path, f'{script}; exec "$real" "$@"')
    code, checks = diagnose(capsys, "--ffmpeg", str(ffmpeg))
    assert (code, checks["extract"]["ok"], checks["pictures"]["ok"]) == (2, True, False)
    wrong = "clip-frame_000000.png: squares that are lit: [7], but [0] is right"
    assert checks["pictures"]["detail"].startswith(wrong)
    assert "Leave out --ffmpeg and PREP_FFMPEG" in checks["pictures"]["detail"]


@pytest.mark.parametrize("encoder", ["libopenh264", "mpeg4", "mjpeg"])
def test_any_encoder_will_do(encoder, monkeypatch, capsys):
    monkeypatch.setattr(clip, "_ENCODERS", {encoder: clip._ENCODERS[encoder]})
    _, checks = diagnose(capsys)
    assert [name for name, check in checks.items() if not check["ok"]] in ([], ["disk"])


def test_no_temporary_folder(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    code, checks = diagnose(capsys)
    assert (code, checks["ffmpeg"]["ok"]) == (2, False)
    assert "name another one with TMPDIR" in checks["ffmpeg"]["detail"]


@pytest.fixture
def temporary():
    """A folder for temporary files, with a path that is short enough for sockets."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR", "/tmp")) as folder:
        yield Path(folder)


def test_ctrl_c_leaves_nothing_behind(temporary):
    process = subprocess.Popen(
        command("doctor"),
        env=environment(TMPDIR=str(temporary)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for(lambda: list(temporary.glob("prep-doctor-*/numbered")))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, out) == (5, "")
    assert err.startswith("error: Interrupted.")
    assert not any(temporary.iterdir())
