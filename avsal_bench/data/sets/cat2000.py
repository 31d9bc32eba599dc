"""CAT2000: still images of twenty categories, from cartoons to noise, looked at freely.

**Viewers.** 24 an image, of 120 (the paper's abstract has the 120); the files that are handed out hold those of 18
(matthias-k/pysaliency, ``external_datasets/cat2000.py``). **Conditions.** Free viewing of 5 s an image, eye tracker
(the same file); screen and distance are in the paper and were not at hand for this sheet. **Images.** 4000 of 1920 x
1080 pixels, 200 of each of 20 categories; those of another shape have grey bars. The ground truth of 2000 of them, 100
a category, is handed out, and only those are read. Each is a video of one frame here, named ``<category>_<image>``.

**Split.** The 2000 with ground truth are the authors' training part; the others are tested by a server. Here, of the
images of each category in the order of the SHA-1 of ``cat2000/<category>_<image>``, the first 20 play the test, as many
as alexanderkroner/saliency validates on, and the other 80 train; of fewer images as large a part.

**Licence.** Not stated in the sources of this sheet. **Citation.** A. Borji, L. Itti: CAT2000: A Large Scale Fixation
Dataset for Boosting Saliency Research. CVPR 2015 workshop "Future of Datasets", arXiv:1505.03581. **Where to get it.**
http://saliency.mit.edu/datasets.html, ``trainSet.zip``.

**On the disk** (``cat2000_layout``)::

    <root>/CAT2000/trainSet/Stimuli/<category>/<image>.jpg
    <root>/CAT2000/trainSet/FIXATIONMAPS/<category>/<image>.jpg
    <root>/CAT2000/trainSet/FIXATIONLOCS/<category>/<image>.mat        variable fixLocs, 1 where somebody looked

**Faults.** Those of ``facts`` below.
"""

from avsal_bench.data.dataset import DataSet, Facts, register_dataset
from avsal_bench.data.layouts.listed import told_by_number
from avsal_bench.data.layouts.stills import cat2000_layout
from avsal_bench.getting.offers import Online, Piece

register_dataset(
    DataSet(
        "cat2000",
        "CAT2000",
        cat2000_layout,
        sound=False,
        folds=False,
        stills=True,
        citation="Borji and Itti 2015",
        title="CAT2000",
        facts=Facts(
            videos=4000,
            viewers="24 an image, 18 of them in the files",
            conditions="free viewing of 5 s",
            licence="not stated",
            source="http://saliency.mit.edu/datasets.html",
            faults=(
                "The ground truth of the 2000 test images is kept back; a fifth of the training part plays the test, "
                "so scores on it do not compare with those of papers.",
                "Images have grey bars where they are not 16 to 9, and next to nobody looks there.",
                "Folders Output beside the images hold pictures of fixations; they are left out.",
                "Points lie in one map for all viewers, each pixel once; their order and the viewers are in other "
                "files, where thousands stand twice (pysaliency), and which are not read.",
            ),
            heard=False,
        ),
        told=told_by_number("cat2000", 400),
        online=Online(
            (
                Piece(
                    "frames",
                    "cat2000/trainSet.zip",
                    "CAT2000/trainSet",
                    "http://saliency.mit.edu/trainSet.zip",
                    holds=("Stimuli", "FIXATIONMAPS", "FIXATIONLOCS"),
                ),
            )
        ),
    )
)
