"""Small SALICON, MIT1003, OSIE and CAT2000 trees, in the layouts in which their authors hand them out."""

import numpy as np
from PIL import Image
from scipy.io import savemat

SIZE = (48, 64)


def picture(rng, size=SIZE):
    """A noisy image with a bright square, its saliency map, and two fixations ``(x, y)`` from 0."""
    h, w = size
    y, x = int(rng.integers(6, h - 6)), int(rng.integers(6, w - 6))
    image = rng.integers(0, 90, (h, w, 3), dtype=np.uint8)
    image[y - 4 : y + 4, x - 4 : x + 4] = 220
    rows, columns = np.mgrid[:h, :w]
    density = (255 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 50)).astype(np.uint8)
    return image, density, [(x, y), (x + 2, y - 3)]


def save_gaze(path, observers, resolution=SIZE):
    """Points of observers as SALICON's files have them: lists of (x, y) from 1, an empty one for nothing seen."""
    gaze = np.zeros((len(observers), 1), dtype=[("location", "O"), ("timestamp", "O"), ("fixations", "O")])
    for k, points in enumerate(observers):
        array = np.array(points, dtype=np.uint16).reshape(-1, 2) if points else np.zeros((0, 0))
        gaze[k, 0] = (np.ones((3, 2)), np.arange(3.0)[:, None], array)
    about = {} if resolution is None else {"resolution": np.array([resolution], dtype=np.uint16)}
    savemat(path, {"gaze": gaze, "image": path.stem, **about}, do_compression=True)


def write_salicon(root, train=4, val=2):
    """SALICON: the fixated points ``(x, y)`` from 0 of each image, by its name."""
    rng, truth = np.random.default_rng(1), {}
    for split, count in {"train": train, "val": val}.items():
        folders = {kind: root / "SALICON" / kind / split for kind in ("images", "maps", "fixations")}
        for folder in folders.values():
            folder.mkdir(parents=True)
        for n in range(1, count + 1):
            name = f"COCO_{split}2014_{n:012d}"
            image, density, points = picture(rng)
            Image.fromarray(image).save(folders["images"] / f"{name}.jpg")
            Image.fromarray(density).save(folders["maps"] / f"{name}.png")
            first, second = ([(x + 1, y + 1)] for x, y in points)
            save_gaze(folders["fixations"] / f"{name}.mat", [first, [], second])
            truth[name] = points
    return truth


def write_mit1003(root, count=10):
    """MIT1003: the fixated points ``(x, y)`` from 0 of each image, by its name."""
    rng, truth = np.random.default_rng(2), {}
    images, maps = (root / "MIT1003" / name for name in ("ALLSTIMULI", "ALLFIXATIONMAPS"))
    images.mkdir(parents=True)
    maps.mkdir()
    for n in range(count):
        name, size = f"i{n:09d}", SIZE if n % 2 else SIZE[::-1]
        image, density, points = picture(rng, size)
        fixated = np.zeros(size, dtype=np.uint8)
        for x, y in points:
            fixated[y, x] = 255
        Image.fromarray(image).save(images / f"{name}.jpeg")
        Image.fromarray(density).save(maps / f"{name}_fixMap.jpg")
        Image.fromarray(fixated).save(maps / f"{name}_fixPts.jpg")
        truth[name] = points
    (images / "._i000000000.jpeg").write_bytes(b"left by an archive of a Mac")
    return truth


def cell(values):
    """A cell array of MATLAB, of one column."""
    found = np.empty((len(values), 1), dtype=object)
    for n, value in enumerate(values):
        found[n, 0] = value
    return found


def save_osie_gaze(path, images, **variables):
    """OSIE's file: for each image by name, a list of viewers, each a list of ``(x, y)`` as MATLAB counts, in tenths."""
    entries = []
    for name, viewers in images.items():
        seen = []
        for points in viewers:
            x, y = np.array(points, dtype=np.float64).reshape(-1, 2).T[:, None]
            seen.append({"fix_x": x, "fix_y": y, "fix_duration": np.full(x.shape, 200, dtype=np.uint16)})
        entries.append({"img": name, "subjects": cell(seen)})
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"fixations": cell(entries), **variables}, do_compression=True)


def write_osie(root, count=7):
    """OSIE: by the name of each image, the fixations ``(x, y)`` from 0, one of them twice; no saliency maps."""
    rng, truth, gaze = np.random.default_rng(3), {}, {}
    images = root / "OSIE" / "data" / "stimuli"
    images.mkdir(parents=True)
    (root / "OSIE" / "data" / "mouse_lab").mkdir()
    for n in range(1001, 1001 + count):
        image, _, points = picture(rng)
        Image.fromarray(image).save(images / f"{n}.jpg")
        seen = [(x + 1.3, y + 0.8) for x, y in points]
        gaze[f"{n}.jpg"] = [seen, [], [seen[0], (0.4, 48.0)]]  # the last one in the corner
        truth[str(n)] = [*points, points[0], (0, 47)]
    save_osie_gaze(root / "OSIE" / "data" / "eye" / "fixations.mat", gaze)
    return truth


def write_cat2000(root, count=5):
    """CAT2000: by the name of each image, the fixated points ``(x, y)`` from 0; with the folders of pictures."""
    rng, truth = np.random.default_rng(4), {}
    for category in ("Action", "LineDrawing"):
        folders = {kind: root / "CAT2000/trainSet" / kind / category for kind in ("Stimuli", "FIXATIONMAPS")}
        for kind, folder in {**folders, "FIXATIONLOCS": root / "CAT2000/trainSet/FIXATIONLOCS" / category}.items():
            (folder / "Output").mkdir(parents=True)
            folders[kind] = folder
        for n in range(1, count + 1):
            image, density, points = picture(rng)
            image[:, :6] = image[:, -6:] = 126  # grey bars
            fixated = np.zeros(SIZE, dtype=np.uint8)
            for x, y in points:
                fixated[y, x] = 1
            Image.fromarray(image).save(folders["Stimuli"] / f"{n:03d}.jpg")
            Image.fromarray(image).save(folders["Stimuli"] / "Output" / f"{n:03d}_SaliencyMap.jpg")
            Image.fromarray(density).save(folders["FIXATIONMAPS"] / f"{n:03d}.jpg")
            savemat(folders["FIXATIONLOCS"] / f"{n:03d}.mat", {"fixLocs": fixated})
            truth[f"{category}_{n:03d}"] = points
    (root / "CAT2000/trainSet/Stimuli/Output").mkdir()
    return truth
