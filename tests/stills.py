"""Small SALICON and MIT1003 trees, in the layouts in which their authors hand them out."""

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
