"""Turn folders of videos into exactly numbered frames, and prove that none got lost.

Each stage is one plain function in a module of its own name, for example
``from video_prep.stages.extract.stage import extract``.
"""

__version__ = "0.1.0"
