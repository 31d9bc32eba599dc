"""LEDOV, "Large-scale Eye-tracking Database of Videos": animals, people and man-made things; visual training.

**Viewers.** 32, 18 of them men and 14 women, of 20 to 56 years (the authors' README). **Conditions.** Free viewing in a
random order, Tobii TX300, 65 cm; whether they heard the sound is not stated there. **Videos.** 538, 179336 frames, 6431
s in all; the README says at least 24 frames a second and 720 rows, and animal_bat01 is of 640 x 480 at 15.2.

**Split.** The lists of AAM: 41 videos to test, and 481 to train and validate on (in 482 rows: manmade_yacht03 stands
there twice). 16 of the 538 are in neither, ``UNLISTED`` below: they are neither trained nor tested on here, `avsal data
check` names them, and `avsal predict` takes their films as any others. The authors' own split (``namelist.mat`` of
their repository, numbers of entries of its ``VideoNameList.mat``) tests the same 41, trains on 461, the 16 among them,
and validates on 36. The lists are not in this package: they are read from the disk, as text (one name a line), csv or
xlsx. Where there is a list of test videos alone, all others that are there train, but for the 16.

**Gaze.** ``Data.mat`` of each video: a fixation a row, viewer, start and duration in milliseconds, x and y in pixels
from the top left. :mod:`avsal_bench.data.files.points.fixdata` makes points of frames of it, as the authors' ``demo.m``
does. Files of version 7.3 need h5py, an extra of this package (``hdf5``).

**Maps.** The authors hand out none: where there is no folder ``mask``, they are painted as their
``make_gauss_masks4.m`` does, a Gaussian of 80 pixels at half its height (sigma 33.97) in a window of 201, added up over
the points, the highest 255.

**Licence.** Free to use, with citation (the README). **Citation.** L. Jiang, M. Xu, T. Liu, M. Qiao, Z. Wang: DeepVS: A
Deep Learning Based Video Saliency Prediction Approach. ECCV 2018. **Where to get it.** The README links Dropbox and
Baidu: https://github.com/remega/LEDOV-eye-tracking-database. AAM's lists: https://github.com/wz-zhao/Attend-to-Anything,
folder ``datasets_video/LEDOV``.

**On the disk** (:func:`ledov_layout`), as the authors hand it out, or as AAM keeps it::

    <root>/LEDOV/<video>/<video>.mp4                             <video>: {animal,human,manmade}_<thing>%02d
    <root>/LEDOV/<video>/Data.mat

    <root>/LEDOV/image/<video>/<frame>.png                       (or .jpg; in the order of the numbers in their names)
    <root>/LEDOV/mask/<video>/<frame>.png                        optional: saliency maps
    <root>/LEDOV/fixation/<video>/Data.mat

    <root>/LEDOV/LEDOV_TestVideoList.xlsx                        (or .txt, .csv; or in <root>/fold_lists)
    <root>/LEDOV/LEDOV_TrainValidVideoList.xlsx                  optional, likewise

**Faults.** Those of ``facts`` below.
"""

from __future__ import annotations

from pathlib import Path

from avsal_bench.data.dataset import DataSet, Facts, Video, register_dataset
from avsal_bench.data.layouts.listed import told_by_number
from avsal_bench.data.layouts.name_lists import find_names, read_names
from avsal_bench.data.layouts.numbered_pictures import alike, numbered_in
from avsal_bench.data.layouts.videos import find_video_files, need_folders, only_file
from avsal_bench.data.places import NumberedFiles, PaintedMaps, PointsFile, VideoFile
from avsal_bench.getting.offers import Online
from avsal_bench.strays import same_name, without_strays
from avsal_bench.text import many

#: Videos in none of AAM's lists.
UNLISTED = frozenset(
    (
        "animal_chimpanzee03",
        "animal_elephant02",
        "animal_fox01",
        "animal_hermitcrab01",
        "human_dancing10",
        "human_dancing15",
        "human_performance02",
        "human_talking26",
        "human_walking02",
        "manmade_airplane04",
        "manmade_airplane05",
        "manmade_flame01",
        "manmade_hydroplane01",
        "manmade_robot02",
        "manmade_suv06",
        "manmade_truck02",
    )
)
#: Names of AAM's lists, without their endings.
LISTS = {"test": "LEDOV_TestVideoList", "train": "LEDOV_TrainValidVideoList"}
#: Folders of AAM's tree, beside which folders of videos lie in the authors'.
_FOLDERS = ("image", "mask", "fixation")


def ledov_layout(root: Path, description: DataSet, part: str, fold: int) -> list[Video]:
    """LEDOV in either of its trees, by the lists that lie there; see the top of this file.

    Raises:
        FileNotFoundError: for a missing root, folder or list of test videos, and naming the first video of a list that
            has no ``Data.mat``.
        ValueError: for a list that cannot be read, for a video in both, and naming a ``Data.mat`` of another form.
    """
    del fold  # one split
    need_folders(root, description, [description.folder])
    names = _listed(root, description)[part]
    there = {name: path for name in names if (path := _data(root / description.folder, name)) is not None}
    if lacking := [name for name in names if name not in there]:
        raise FileNotFoundError(
            f"{description.name}: {lacking[0]} has no {root / description.folder / lacking[0] / 'Data.mat'}, and none "
            f"below fixation: {many(len(lacking), 'video', 'lack')} theirs, of {len(names)} of the part {part}; fetch "
            "them, or take them out of the list"
        )
    return [_video(root, description, name, there[name]) for name in names]


def in_no_list(root: Path) -> list[str]:
    """What `avsal data check` says of videos in no list, and of films and folders that are longer than their gaze."""
    from avsal_bench.data.files.points.fixdata import about  # with numpy, which who lists the sets does not need

    folder = root / "LEDOV"
    listed = _listed(root, _DESCRIPTION)
    names = _names(folder)
    found = []
    if unlisted := sorted(set(names) - {name for part in listed.values() for name in part}):
        shown = ", ".join(unlisted[:16]) + (" and so on" if len(unlisted) > 16 else "")
        found.append(f"{many(len(unlisted), 'video', 'are')} in no list: {shown}; `avsal predict` takes their films")
    for name in names:
        files, count = numbered_in(folder / "image" / name)
        frames = about(path).frames if (path := _data(folder, name)) is not None else count
        if files is not None and count != frames:
            found.append(
                f"{name}: {many(count, 'picture')}, and Data.mat is of {frames}; as many are read as both have"
            )
    return found


def _listed(root: Path, description: DataSet) -> dict[str, list[str]]:
    """Names of the videos of each part."""
    folder = root / description.folder
    paths = {part: find_names((root / "fold_lists", folder), stem) for part, stem in LISTS.items()}
    if paths["test"] is None:
        raise FileNotFoundError(
            f"{description.name}: no list of test videos {folder / LISTS['test']}.txt (or .csv, .xlsx), one name a "
            f"line; `avsal data get {description.name}` says who publishes one"
        )
    test = read_names(paths["test"])
    if paths["train"] is None:
        return {"train": [name for name in _names(folder) if name not in {*test, *UNLISTED}], "test": test}
    train = read_names(paths["train"])
    if both := sorted(set(train) & set(test)):
        raise ValueError(
            f"{paths['train']} and {paths['test']} both name {both[0]!r}: it would be tested on what it was trained "
            "on; take it out of one of them"
        )
    return {"train": train, "test": test}


def _names(folder: Path) -> list[str]:
    """Videos that are there, in either tree."""
    places = {place for parent in (folder, folder / "fixation") if parent.is_dir() for place in parent.iterdir()}
    return sorted({place.name for place in without_strays(places) if (place / "Data.mat").is_file()})


def _data(folder: Path, name: str) -> Path | None:
    return next((path for place in ("fixation", "") if (path := folder / place / name / "Data.mat").is_file()), None)


def _video(root: Path, description: DataSet, name: str, data: Path) -> Video:
    from avsal_bench.data.files.points.fixdata import about, paint, read_fixdata  # with numpy, as above

    folder, told = root / description.folder, about(data)
    pictures, count = numbered_in(folder / "image" / name)
    frames = alike(pictures, folder / "image" / name, pictures or NumberedFiles(Path(), "", 5, ".png"))
    film = only_file(find_video_files(folder / name).get(same_name(name), []))
    masks, _ = numbered_in(folder / "mask" / name)
    maps: NumberedFiles | PaintedMaps = PaintedMaps(data, paint, told.size)
    if (folder / "mask").is_dir():
        maps = masks or alike(None, folder / "mask" / name, frames)
    in_film = pictures is None and ((folder / name).is_dir() or not (folder / "image").is_dir())
    return Video(
        dataset=description.name,
        name=name,
        n_frames=min(count, told.frames) if pictures is not None else told.frames,
        fps=told.fps,
        frames=VideoFile(film or folder / name / f"{name}.mp4") if in_film else frames,
        densities=maps,
        fixations=PointsFile(data, read_fixdata, told.size),
        category=name.partition("_")[0] if "_" in name else "",
        prepared=root / "prepared" / description.folder / name,
    )


_DESCRIPTION = register_dataset(
    DataSet(
        "ledov",
        "LEDOV",
        ledov_layout,
        sound=False,
        folds=False,
        citation="Jiang et al. 2018",
        facts=Facts(
            videos=538,
            viewers="32",
            conditions="free viewing in a random order, Tobii TX300, 65 cm",
            licence="free to use, with citation",
            source="https://github.com/remega/LEDOV-eye-tracking-database",
            faults=(
                "Of the 538 videos 16 are in neither list, and the list to train and validate on names manmade_yacht03 "
                "twice; the authors' own split, of the same test, trains on the 16.",
                "Videos are said to have at least 24 frames a second and 720 rows; animal_bat01 has 15.2 and 480.",
                "Fixations of a viewer count from the first one off the centre: across and down in the authors' "
                "demo.m, which is done here, across or down in AAM's reader.",
                "Pixels are counted from 1, so points here lie one pixel to the left of and above x and y.",
                "No saliency maps are handed out: they are painted as the authors' script does.",
            ),
            heard=None,
        ),
        title="LEDOV",
        online=Online(
            steps=(
                "open https://github.com/remega/LEDOV-eye-tracking-database in a browser: its README links Dropbox and "
                "Baidu",
                "download the archive, and unpack it: {root}/LEDOV holds a folder a video, with its film and Data.mat",
                "put LEDOV_TestVideoList.xlsx and LEDOV_TrainValidVideoList.xlsx of "
                "https://github.com/wz-zhao/Attend-to-Anything, folder datasets_video/LEDOV, into {root}/LEDOV",
                "let `avsal data check ledov --root {root}` look at every file",
            )
        ),
        told=told_by_number("ledov", 41),
        remarks=in_no_list,
    )
)
