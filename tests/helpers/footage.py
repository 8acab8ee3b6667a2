"""One video of every kind of footage."""

import itertools

from . import media


def join(target, *parts):
    target.write_bytes(b"".join(part.read_bytes() for part in parts))
    return target


def small(folder, name, *options, **kwargs):
    return media.encode(folder / name, *(options or media.X264), **kwargs)


def two_streams(folder):
    one, two = small(folder, "a.mp4"), small(folder, "b.mp4", size="320x240", frames=60)
    media.run(
        [
            "-i",
            str(one),
            "-i",
            str(two),
            "-map",
            "0",
            "-map",
            "1",
            "-c",
            "copy",
            str(folder / "two.mkv"),
        ]
    )
    return folder / "two.mkv"


def cover_first(folder):
    cover = folder / "cover.png"
    media.run(["-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", str(cover)])
    video = small(folder, "v.mp4")
    media.run(
        [
            "-i",
            str(cover),
            "-i",
            str(video),
            "-map",
            "0",
            "-map",
            "1",
            "-c",
            "copy",
            "-disposition:0",
            "attached_pic",
            str(folder / "cover.mp4"),
        ]
    )
    return folder / "cover.mp4"


def changes_matrix(folder):
    tags = ("-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709")
    return join(
        folder / "x.h264",
        small(folder, "a.h264"),
        small(folder, "b.h264", *media.X264, "-vf", "setparams=colorspace=bt709", *tags),
    )


JITTER = list(itertools.accumulate([0, 33, 33, 1, 0, 40, 1, 1, 100, 0, 0, 33] * 10))

VFR = list(itertools.accumulate([0] + [33, 34, 33, 67, 500, 33] * 10))

FOOTAGE = {
    "b_frames.mp4": lambda d: small(
        d, "x.mp4", "-c:v", "libx264", "-bf", "3", "-pix_fmt", "yuv420p"
    ),
    "vfr.mkv": lambda d: media.write_frames(d / "x.mkv", VFR),
    "equal_timestamps.mkv": lambda d: media.retime(
        media.write_frames(d / "y.mkv", range(0, 40 * len(JITTER), 40)), d / "x.mkv", JITTER
    ),
    "starts_late.mkv": lambda d: media.write_frames(d / "x.mkv", range(5000, 7000, 40)),
    "open_gop_cut.ts": lambda d: media.cut_copy(
        small(
            d,
            "y.ts",
            "-c:v",
            "libx264",
            "-bf",
            "3",
            "-g",
            "12",
            "-x264-params",
            "open-gop=1",
            "-pix_fmt",
            "yuv420p",
        ),
        d / "x.ts",
        0.7,
    ),
    "edit_list.mov": lambda d: media.cut_copy(
        small(d, "y.mp4", "-c:v", "libx264", "-bf", "2", "-g", "25", "-pix_fmt", "yuv420p"),
        d / "x.mov",
        1.3,
    ),
    "rotated.mp4": lambda d: media.rotate(small(d, "y.mp4"), d / "x.mp4", degrees=-90),
    "mirrored.mp4": lambda d: media.rotate(small(d, "y.mp4"), d / "x.mp4", hflip=True),
    "shrinks.ts": lambda d: join(
        d / "x.ts", small(d, "a.ts", size="320x240"), small(d, "b.ts", size="96x64")
    ),
    "grows.ts": lambda d: join(
        d / "x.ts", small(d, "a.ts", size="96x64"), small(d, "b.ts", size="320x240")
    ),
    "changes_format.ts": lambda d: join(
        d / "x.ts",
        small(d, "a.ts"),
        small(d, "b.ts", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv444p"),
    ),
    "hidden_frames.webm": lambda d: small(
        d,
        "x.webm",
        "-c:v",
        "libvpx-vp9",
        "-b:v",
        "300k",
        "-auto-alt-ref",
        "1",
        "-lag-in-frames",
        "16",
        "-cpu-used",
        "5",
    ),
    "hevc_10bit.mkv": lambda d: small(
        d,
        "x.mkv",
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p10le",
        "-x265-params",
        "log-level=none",
    ),
    "interlaced.mpg": lambda d: small(
        d, "x.mpg", "-c:v", "mpeg2video", "-flags", "+ildct+ilme", "-bf", "2"
    ),
    "elementary.h264": lambda d: small(d, "x.h264"),
    "webcam.avi": lambda d: small(d, "x.avi", "-c:v", "mjpeg", "-pix_fmt", "yuvj422p"),
    "packed_b.avi": lambda d: small(d, "x.avi", "-c:v", "mpeg4", "-bf", "2"),
    "animation.gif": lambda d: small(d, "x.gif", "-c:v", "gif"),
    "one_pixel.mkv": lambda d: small(
        d, "x.mkv", "-c:v", "ffv1", "-pix_fmt", "yuv444p", size="1x1", picture="testsrc"
    ),
    "odd_size.mkv": lambda d: small(
        d, "x.mkv", "-c:v", "ffv1", "-pix_fmt", "yuv420p", size="161x121"
    ),
    "grey_16bit.mkv": lambda d: small(d, "x.mkv", "-c:v", "ffv1", "-pix_fmt", "gray16le"),
    "alpha.mov": lambda d: small(d, "x.mov", "-c:v", "prores_ks", "-profile:v", "4444", frames=10),
    "odd_rotation.mp4": lambda d: media.rotate(small(d, "y.mp4"), d / "x.mp4", degrees=33),
    "changes_matrix.h264": changes_matrix,
    "camera.dv": lambda d: small(
        d, "x.dv", "-c:v", "dvvideo", "-pix_fmt", "yuv420p", size="720x576", frames=12
    ),
    "clock_jumps.mkv": lambda d: media.write_frames(
        d / "x.mkv", [*range(0, 800, 40), *range(1_700_000_000, 1_700_000_800, 40)]
    ),
    "titled.mkv": lambda d: small(d, "x.mkv", *media.X264, "-metadata", "title=a\n[error] corrupt"),
    "two_streams.mkv": two_streams,
    "cover_first.mp4": cover_first,
    "fragmented.mp4": lambda d: small(
        d, "x.mp4", *media.X264, "-movflags", "frag_keyframe+empty_moov"
    ),
}
