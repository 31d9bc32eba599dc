"""Small trees of LEDOV, as its authors hand it out and as AAM keeps it, with what is odd about the real one."""

import zipfile

import av
import numpy as np
from PIL import Image
from scipy.io import savemat

SIZE = (60, 80)
#: Videos, and their frames; the last two are in no list.
VIDEOS = {"animal_bat01": 9, "human_talking01": 12, "manmade_car01": 10, "manmade_yacht03": 8, "animal_fox01": 7}
TEST, TRAIN = ["human_talking01"], ["animal_bat01", "manmade_yacht03", "manmade_car01", "manmade_yacht03"]
FPS = 10.0
#: Viewer, start and duration in milliseconds, x and y: three viewers, the third of whom never leaves the middle.
ROWS = (
    (1, 0, 150, 40, 30),  # in the middle: dropped
    (1, 200, 100, 60, 31),  # off it across, not down: dropped
    (1, 300, 200, 60, 50),  # the first that counts: frames 3 to 5
    (1, 550, 100, 41, 30),  # in the middle, and after the first: frames 6 and 7
    (1, 700, 100, 90, 30),  # outside
    (2, 0, 100, 10.7, 5.2),  # frame 1, as 0 is
    (2, 300, 9000, 70, 50),  # to the last frame
    (3, 100, 300, 42, 29),
)


def save_data(path, frames, rows=ROWS, size=SIZE, fps=FPS, names=("VideoFrames", "VideoFrameRate", "VideoSize")):
    """A ``Data.mat`` of version 5; VideoSize is width and height."""
    path.parent.mkdir(parents=True, exist_ok=True)
    about = dict(zip(names, (float(frames), fps, np.array([size[::-1]], dtype=np.float64)), strict=True))
    fixdata = np.array(rows, dtype=np.float64).reshape(-1, 5)
    savemat(path, {"Data": {**about, "fixdata": fixdata}}, do_compression=True)


def save_data_73(path, frames, rows=ROWS, size=SIZE, fps=FPS):
    """The same of version 7.3, as MATLAB writes it: HDF5 with axes the other way round."""
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        struct = file.create_group("Data")
        struct.attrs["MATLAB_class"] = np.bytes_("struct")
        fields = {"VideoFrames": [[frames]], "VideoFrameRate": [[fps]], "VideoSize": [[size[1]], [size[0]]]}
        for name, values in {**fields, "fixdata": np.array(rows, dtype=np.float64).T}.items():
            struct[name] = np.asarray(values, dtype=np.float64)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")


def save_sheet(path, names):
    """A workbook of one column, as Excel writes it: texts are shared, one is in runs and has a reading."""
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    texts = list(dict.fromkeys(names))
    shared = [f"<si><t>{name}</t></si>" for name in texts]
    shared[0] = f"<si><r><t>{texts[0][:3]}</t></r><r><t>{texts[0][3:]}</t></r><rPh><t>other</t></rPh></si>"
    rows = [f'<row r="{n}"><c r="A{n}" t="s"><v>{texts.index(name)}</v></c></row>' for n, name in enumerate(names, 1)]
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/workbook.xml", f"<workbook {space}/>")
        book.writestr("xl/sharedStrings.xml", f"<sst {space}>{''.join(shared)}</sst>")
        sheet = f"<worksheet {space}><sheetData>{''.join(rows)}</sheetData></worksheet>"
        book.writestr("xl/worksheets/sheet1.xml", sheet)


def pictures(frames):
    """Frames of a video: noise with a bright square."""
    made = np.random.default_rng(frames).integers(0, 90, (frames, *SIZE, 3), dtype=np.uint8)
    made[:, 20:30, 50:65] = 220
    return made


def write_film(path, made, rate):
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mpeg4", rate=int(rate), options={"b": "2000000"})
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "yuv420p"
        for picture in made:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        film.mux(stream.encode())


def write_lists(root):
    save_sheet(root / "LEDOV" / "LEDOV_TestVideoList.xlsx", TEST)
    save_sheet(root / "LEDOV" / "LEDOV_TrainValidVideoList.xlsx", TRAIN)


def write_ledov(root):
    """The authors' tree, and the lists in it."""
    for name, frames in VIDEOS.items():
        save_data(root / "LEDOV" / name / "Data.mat", frames)
        write_film(root / "LEDOV" / name / f"{name}.mp4", pictures(frames), FPS)
    write_lists(root)


def write_ledov_of_aam(root, masks=True):
    """AAM's tree: pictures, maps and gaze apart; numbers of pictures start at 0, those of maps at 1."""
    folder = root / "LEDOV"
    for name, frames in VIDEOS.items():
        save_data(folder / "fixation" / name / "Data.mat", frames)
        (folder / "image" / name).mkdir(parents=True)
        for n, picture in enumerate(pictures(frames)):
            Image.fromarray(picture).save(folder / "image" / name / f"{n:04d}.png")
        if masks:
            (folder / "mask" / name).mkdir(parents=True)
            for n in range(frames):
                level = np.full(SIZE, n, dtype=np.uint8)
                level[30, 40] = 255
                Image.fromarray(level).save(folder / "mask" / name / f"{n + 1:04d}.png")
    write_lists(root)
