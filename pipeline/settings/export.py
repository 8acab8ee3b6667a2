"""Settings of what is made of annotations for training; see `settings.stages`."""

from dataclasses import dataclass

from .options import option


@dataclass(frozen=True)
class ExportSettings:
    """What of the annotations goes into an export, and in which format."""

    to: str = option(
        "coco",
        "Format: COCO, Ultralytics YOLO, MOTChallenge, one table (parquet), or an ImageFolder for "
        "Hugging Face datasets (hf).",
        choices=("coco", "yolo", "mot", "parquet", "hf"),
    )
    yolo: str = option(
        "detect",
        "With yolo: boxes (detect), outlines (segment), boxes with the points of skeletons (pose), "
        "or rotated boxes (obb).",
        choices=("detect", "segment", "pose", "obb"),
    )
    images: str = option(
        "link",
        "How images get into the export: as hard links, which take no space, as copies, as "
        "symbolic links, or not at all (none). None is encoded anew.",
        choices=("link", "copy", "symlink", "none"),
    )
    interpolated: str = option(
        "keep",
        "What becomes of boxes that CVAT filled in between those that a person set: all stay "
        "(keep), all are left out (drop), or those inside spans that the last 'prep audit' found "
        "wrong are left out (only-true).",
        choices=("keep", "drop", "only-true"),
    )
    empty: str = option(
        "keep",
        "Whether images on which nothing is drawn are exported.",
        choices=("keep", "drop"),
    )
    classes: str | None = option(
        None,
        "Labels to export, separated by commas, in this order; 'car,truck=car' makes cars of "
        "trucks, and '\"big, red\"' is a name with a comma. Default: all of the tasks, in CVAT's "
        "order.",
        metavar="NAMES",
    )
    attributes: str = option(
        "all",
        "Attributes to export, separated by commas, or all, or none.",
        metavar="NAMES",
    )
    no_numbers: bool = option(
        False,
        "Do not compute the mean and standard deviation of the train images, for which each of "
        "them is decoded.",
    )
