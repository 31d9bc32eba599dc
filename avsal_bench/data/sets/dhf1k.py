"""DHF1K, "Dynamic Human Fixation": a thousand videos shown without sound; visual pre-training of most networks.

**Viewers.** 17 (the authors' ``record_mapping.m``, which also gives the screen). **Conditions.** Free viewing without
sound, screen of 1440 x 900, 30 frames a second. **Videos.** 1000: 600 to train, 100 to validate, and 300 whose ground
truth is kept back (the authors' README, CASP-Net, AVRSP). Only the 700 are read; the 100 play the test.

The lists have one split, used in every fold::

    fold  train: videos  frames    test: videos  frames
    each            600  346140             100   60273
    all lists: 700 videos, 406413 frames, 6.2 to 51.9 s, 225.8 minutes
    frames a second (videos): 30 (700)

**Licence.** Creative Commons Attribution 4.0 (the README). **Citation.** W. Wang, J. Shen, F. Guo, M.-M. Cheng, A.
Borji: Revisiting Video Saliency: A Large-Scale Benchmark and a New Model. CVPR 2018; W. Wang et al.: Revisiting Video
Saliency Prediction in the Deep Learning Era. IEEE Transactions on Pattern Analysis and Machine Intelligence, 2019.
**Where to get it.** https://github.com/wenguanwang/DHF1K, with the gaze of each viewer (``exportdata_train.rar``),
which :mod:`avsal_bench.data.gaze.from_dhf1k` turns into maps and gaze of ours.

**On the disk** (``dhf1k_layout``), as published, or with frames extracted and split::

    <root>/DHF1K/video/%03d.AVI
    <root>/DHF1K/annotation/%04d/maps/%04d.png
    <root>/DHF1K/annotation/%04d/fixation/%04d.png             (or fixation/maps/%04d.mat)
    <root>/DHF1K/annotation/%04d/observers.csv                 (optional: gaze of each observer)
    <root>/fold_lists/DHF1K_list_{train,test}_1_fps.txt        (else those of this package)

    <root>/DHF1K/{train,val}/<video>/images/%04d.jpg      (or .png)
    <root>/DHF1K/{train,val}/<video>/maps/%04d.png
    <root>/DHF1K/{train,val}/<video>/fixations/%04d.png        (or fixation/%04d.png, or maps/%04d.mat in either)
    <root>/DHF1K/{train,val}/<video>/observers.csv             (optional: gaze of each observer)

**Faults.** Those of ``facts`` below.
"""

from avsal_bench.data.dataset import DataSet, Facts, register_dataset
from avsal_bench.data.layouts.dhf1k_layouts import dhf1k_layout
from avsal_bench.getting.offers import Online

register_dataset(
    DataSet(
        "dhf1k",
        "DHF1K",
        dhf1k_layout,
        sound=False,
        folds=False,
        test_is_validation=True,
        citation="Wang et al. 2018",
        title="DHF1K",
        facts=Facts(
            videos=1000,
            viewers="17",
            conditions="free viewing without sound, screen of 1440 x 900",
            heard=False,
            licence="CC BY 4.0",
            source="https://github.com/wenguanwang/DHF1K",
            faults=(
                "The ground truth of videos 701 to 1000 is kept back, so 700 of the 1000 videos can be read, and "
                "scores here are of the 100 of the validation part.",
                "Names have three digits for video files and four in the lists: 001.AVI is 0001.",
                "Rates of 145 videos differ from 30 in the last place, such as 29.999999999999996.",
                "Released fixation maps are full grids of rows and columns of samples, and density maps are made of "
                "them and lie two pixels to the right and down, as seen in one video: docs/dhf1k.md.",
            ),
        ),
        online=Online(
            steps=(
                "open https://github.com/wenguanwang/DHF1K in a browser: its README links folders on Google Drive and "
                "on Baidu; they are too large for a program to ask for without logging in",
                "download the folders of videos and of annotations, and unpack their archives",
                "put them at {root}/DHF1K/video and {root}/DHF1K/annotation: files 001.AVI and folders 0001",
                "let `avsal data check dhf1k --root {root}` look at every file",
            )
        ),
    )
)
