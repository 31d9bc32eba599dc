"""OSIE, "Object and Semantic Images and Eye-tracking": still images with several objects each, looked at freely.

**Viewers.** 15, each of every image (the file). **Conditions.** Free viewing of 3 s an image, eye tracker
(matthias-k/pysaliency, ``external_datasets/osie.py``); screen and distance are in the paper and were not at hand for
this sheet. **Images.** 700 of 800 x 600 pixels, ``1001.jpg`` to ``1700.jpg``. Each is a video of one frame here.

**Gaze.** One file for all images, ``fixations.mat``: 98321 fixations, 111 to 179 an image, each viewer with some on
every image; x and y to a tenth of a pixel, from 1.2 to 799.2 and 599.2, none outside the image. Repeats are kept, and
count once in a fixation map. The repository also has gaze by mouse of the same images, which is not read.

**Split.** None is published: the authors draw five at random (their ``splitData.m``). Here, of the images in the order
of the SHA-1 of ``osie/<image>``, the first 200 play the test, as many as alexanderkroner/saliency validates on, and the
other 500 train; of fewer images as large a part.

**Maps.** None are handed out; the authors' script makes them (``computeFixationMaps.m``, ``config.m``), and so does
this file whenever one is asked for (:func:`painted`): x and y rounded and counted from 1, each pixel once, a Gaussian
of 24 pixels in a window of 168, nothing beyond the image, from 0 to 255. They write JPEG; here nothing is lost.

**Licence.** MIT, of the repository that holds images and gaze. **Citation.** J. Xu, M. Jiang, S. Wang, M. Kankanhalli,
Q. Zhao: Predicting Human Gaze Beyond Pixels. Journal of Vision 14(1), 2014, doi:10.1167/14.1.28. **Where to get it.**
https://github.com/NUS-VIP/predicting-human-gaze-beyond-pixels, its folder ``data``.

**On the disk** (:func:`osie_layout`), also without the folder ``data`` in between::

    <root>/OSIE/data/stimuli/<image>.jpg
    <root>/OSIE/data/eye/fixations.mat        cells of img and subjects; of a subject fix_x, fix_y, fix_duration

**Faults.** Those of ``facts`` below.
"""

from __future__ import annotations

from pathlib import Path

from avsal_bench.data.dataset import DataSet, Facts, Video, register_dataset
from avsal_bench.data.layouts.listed import told_by_number
from avsal_bench.data.layouts.stills import pictures, split_by_names, still
from avsal_bench.data.layouts.videos import need_folders
from avsal_bench.data.places import PaintedMaps, PointsFile
from avsal_bench.getting.offers import Online, Piece
from avsal_bench.lazy import Later

#: Part of the images that plays the test: alexanderkroner/saliency validates on 200 of the 700.
TEST = 200 / 700

_READER = "avsal_bench.data.files.points.fixation_cells"
_REPOSITORY = "https://github.com/NUS-VIP/predicting-human-gaze-beyond-pixels"
_COMMIT = "4a467890fcb40a2fec04cdded552760942bac7a4"


def osie_layout(root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
    """OSIE as its authors' repository has it; see the top of this file for files and split.

    Raises:
        FileNotFoundError: for a missing root or folder, and for one without images.
    """
    del fold  # one split
    there = (root / description.folder / "data").is_dir() or not (root / description.folder / "stimuli").is_dir()
    base = f"{description.folder}/data" if there else description.folder
    need_folders(root, description, [f"{base}/stimuli", f"{base}/eye"])
    gaze = root / base / "eye" / "fixations.mat"
    maps = PaintedMaps(gaze, Later(_READER, "painted"))
    points = PointsFile(gaze, Later(_READER, "read_points"))
    found = [still(description, path, maps, points) for path in pictures(description, root / base / "stimuli", ".jpg")]
    return split_by_names(found, part, TEST)


register_dataset(
    DataSet(
        "osie",
        "OSIE",
        osie_layout,
        sound=False,
        folds=False,
        stills=True,
        citation="Xu et al. 2014",
        title="OSIE",
        facts=Facts(
            videos=700,
            viewers="15",
            conditions="free viewing of 3 s",
            licence="MIT, of the repository",
            source=_REPOSITORY,
            faults=(
                "No saliency maps are handed out: they are painted from the fixations as the authors' script does, "
                "whose window of an even side puts them half a pixel up and to the left.",
                "Others paint maps with other Gaussians, such as of 16 pixels, and cut fractions of pixels off in "
                "place of rounding, so CC, SIM and KL of papers are on other maps.",
                "There is no published split, so scores on a part of it do not compare with those of papers.",
            ),
            heard=False,
        ),
        told=told_by_number("osie", 200),
        online=Online(
            (
                Piece(
                    "frames",
                    f"osie/{_COMMIT}.zip",
                    "OSIE/data",
                    f"{_REPOSITORY}/archive/{_COMMIT}.zip",
                    holds=("stimuli", "eye"),
                ),
            )
        ),
    )
)
