"""The classical models as plain numpy: loops over pixels in float64, from the formulas of the papers."""

import math

import numpy as np

from avsal_bench.models.baselines import gbvs


def at(a, y, x):
    """A pixel, of the edge where the place lies outside."""
    return a[min(max(y, 0), a.shape[0] - 1), min(max(x, 0), a.shape[1] - 1)]


def plain_unit(a):
    return (a - a.min()) / (a.max() - a.min()) if a.max() - a.min() > 1e-5 else np.zeros_like(a)


def plain_halved(a, taps, before):
    kernel = np.outer(taps, taps)
    out = np.zeros([math.ceil(n / 2) for n in a.shape])
    for y, x in np.ndindex(*out.shape):
        for i, j in np.ndindex(*kernel.shape):
            out[y, x] += kernel[i, j] * at(a, 2 * y + i - before, 2 * x + j - before)
    return out


def plain_gabor(a, angle):
    """|even| + |odd| of a map, at one angle."""
    padded, total = np.pad(a, 13, mode="edge"), np.zeros(a.shape)
    for phase in (0, math.pi / 2):
        g = np.zeros((27, 27))
        for i, j in np.ndindex(27, 27):
            y, x = i - 13, j - 13
            u = x * math.cos(angle) + y * math.sin(angle)
            v = -x * math.sin(angle) + y * math.cos(angle)
            g[i, j] = math.cos(2 * math.pi * u / math.pi + phase) * math.exp(-(u**2) / (2 * 2**2) - v**2 / (2 * 4**2))
        g -= g.mean()
        g /= math.sqrt((g**2).sum())
        for y, x in np.ndindex(*a.shape):
            total[y, x] += abs((padded[y : y + 27, x : x + 27] * g).sum())
    return total


def plain_resize(a, size):
    """Bicubic with a = -0.5, widened where it shrinks, and only pixels inside count."""
    return _weights(a.shape[0], size[0]) @ a @ _weights(a.shape[1], size[1]).T


def _weights(n, size):
    scale = size / n
    weights = np.zeros((size, n))
    for i, k in np.ndindex(size, n):
        d = abs((i + 0.5) / scale - 0.5 - k) * min(scale, 1)
        weights[i, k] = 1.5 * d**3 - 2.5 * d**2 + 1 if d <= 1 else -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 if d < 2 else 0
    return weights / weights.sum(1, keepdims=True)


def plain_promoted(a):
    """N(.): the square of 10 less the mean of all peaks but the highest."""
    a = 10 * plain_unit(a)
    if not a.any():
        return a
    peaks = []
    for y, x in np.ndindex(*a.shape):
        if a[y, x] >= 1 and all(a[y, x] >= at(a, y + i, x + j) for i, j in ((-1, 0), (1, 0), (0, -1), (0, 1))):
            peaks.append(a[y, x])
    peaks.remove(max(peaks))
    return a * (10 - (np.mean(peaks) if peaks else 0)) ** 2


def plain_enlarged(a, factor, size):
    out = np.zeros(size)
    for y, x in np.ndindex(*size):
        (j, v), (i, u) = divmod(x / factor, 1), divmod(y / factor, 1)
        upper = (1 - v) * at(a, int(i), int(j)) + v * at(a, int(i), int(j) + 1)
        lower = (1 - v) * at(a, int(i) + 1, int(j)) + v * at(a, int(i) + 1, int(j) + 1)
        out[y, x] = (1 - u) * upper + u * lower
    return out


def plain_itti(rgb):
    """Saliency at scale 4 by the equations of the paper, a map at a time."""
    taps = np.array([1, 4, 6, 4, 1]) / 16
    intensity = rgb.sum(0) / 3
    maps = {name: np.zeros(intensity.shape) for name in "RGBY"} | {"I": intensity}
    for y, x in np.ndindex(*intensity.shape):
        if intensity[y, x] > intensity.max() / 10:
            r, g, b = rgb[:, y, x] / intensity[y, x]
            maps["R"][y, x], maps["G"][y, x] = max(0, r - (g + b) / 2), max(0, g - (r + b) / 2)
            maps["B"][y, x], maps["Y"][y, x] = max(0, b - (r + g) / 2), max(0, (r + g) / 2 - abs(r - g) / 2 - b)
    pyramid = [maps]
    while min(pyramid[-1]["I"].shape) > 2:
        pyramid.append({name: plain_halved(a, taps, 2) for name, a in pyramid[-1].items()})
    angles = [0, math.pi / 4, math.pi / 2, 3 * math.pi / 4]
    for maps in pyramid[2:]:
        maps.update({k: plain_gabor(maps["I"], angle) for k, angle in enumerate(angles)})

    def across(difference):
        total = 0
        for c, s in [(c, c + d) for c in (2, 3, 4) for d in (3, 4) if c + d < len(pyramid)]:
            inner = pyramid[c]
            outer = {k: plain_enlarged(a, 2 ** (s - c), inner["I"].shape) for k, a in pyramid[s].items()}
            found = plain_promoted(np.abs(difference(inner, outer)))
            for _ in range(c, 4):
                found = plain_halved(found, taps, 2)
            total = total + found
        return total

    bright = across(lambda c, s: c["I"] - s["I"])
    colour = across(lambda c, s: (c["R"] - c["G"]) - (s["G"] - s["R"]))
    colour = colour + across(lambda c, s: (c["B"] - c["Y"]) - (s["Y"] - s["B"]))
    edges = sum(plain_promoted(across(lambda c, s, k=k: c[k] - s[k])) for k in range(4))
    return (plain_promoted(bright) + plain_promoted(colour) + plain_promoted(edges)) / 3


def plain_gbvs(rgb, grid):
    """Saliency on the grid: features, and for each the stationary distribution of its Markov chain."""
    taps, maps = np.array([1, 5, 10, 10, 5, 1]) / 32, []
    level = [*rgb, rgb.max(0)]
    for halved in range(1, 5):
        level = [plain_halved(a, taps, 2) for a in level]
        if halved == 1:
            continue
        colour = np.stack(level[:3])
        light = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
        matrix = np.array(gbvs.CONES_OF_XYZ) @ np.array(gbvs.XYZ_OF_RGB)
        long, middle, short = np.tensordot(matrix / matrix.sum(1)[:, None], light, 1)
        maps += [long + middle, long - middle, short - (long + middle) / 2, level[3]]
        maps += [plain_faded(plain_gabor(level[3], k * math.pi / 4), 13) for k in range(4)]
    assert len(maps) == 24
    total = 0
    for a in maps:
        total = total + plain_walk(plain_unit(plain_resize(a, grid))) ** 1.5
    total = plain_unit(plain_faded(total, 4) * 1e6)
    return plain_unit(plain_blurred(total, 0.02 * 32))


def plain_walk(a):
    """Stationary distribution of the chain of a map: the solution of P p = p with sum 1."""
    cells = list(np.ndindex(*a.shape))
    w = np.zeros((len(cells), len(cells)))
    spread = 0.15 * (a.shape[0] + a.shape[1]) / 2
    for i, p in enumerate(cells):
        for j, q in enumerate(cells):
            distance = (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2
            w[i, j] = abs(a[p] - a[q]) * math.exp(-distance / (2 * spread**2))
    steps = w / w.sum(0)
    equations = np.vstack([steps - np.eye(len(cells)), np.ones(len(cells))])
    return np.linalg.lstsq(equations, np.eye(len(cells) + 1)[-1], rcond=None)[0].reshape(a.shape)


def plain_faded(a, n):
    out = a.copy()
    for k in range(1, n + 1):
        for edge in (k - 1, a.shape[0] - k):
            if 0 <= edge < a.shape[0]:
                out[edge] *= k / (n + 1)
        for edge in (k - 1, a.shape[1] - k):
            if 0 <= edge < a.shape[1]:
                out[:, edge] *= k / (n + 1)
    return out


def plain_blurred(a, sigma):
    reach, out = math.ceil(3 * sigma), np.zeros(a.shape)
    bell = {k: math.exp(-(k**2) / (2 * sigma**2)) for k in range(-reach, reach + 1)}
    for y, x in np.ndindex(*a.shape):
        out[y, x] = sum(u * v * at(a, y + i, x + j) for i, u in bell.items() for j, v in bell.items())
    return out / sum(bell.values()) ** 2


def plain_seo(grey):
    """Saliency of the middle one of nine frames ``(9, h, w)``: one G and one SVD a voxel."""
    z = grey / np.array([frame.std(ddof=1) for frame in grey])[:, None, None]
    z = z / z.std(ddof=1)
    t, h, w = z.shape

    def frame_at(a, k, y, x):
        return a[k, min(max(y, 0), h - 1), min(max(x, 0), w - 1)]

    slopes = np.zeros((t, h, w, 3))
    for k, y, x in np.ndindex(t - 2, h, w):
        k += 1
        for axis, (i, j, m) in enumerate(np.eye(3, dtype=int)):
            slopes[k, y, x, axis] = (frame_at(z, k + i, y + j, x + m) - frame_at(z, k - i, y - j, x - m)) / 2
    around = [(i, j, m) for i in (-1, 0, 1) for j in (-1, 0, 1) for m in (-1, 0, 1)]
    disk, weights = {0: 0.3183, 1: 0.1453, 2: 0.0251}, {}
    for i, j, m in around:
        weights[i, j, m] = disk[j**2 + m**2] * math.exp(-(m**2 + i**2) / 2) * math.exp(-(j**2 + i**2) / 2)
    weights = {d: value / weights[d[0], 0, 0] for d, value in weights.items()}
    steers = np.zeros((t, h, w, 3, 3))
    for k, y, x in np.ndindex(t - 4, h, w):
        k += 2
        g = np.array([weights[d] * frame_at(slopes, k + d[0], y + d[1], x + d[2]) for d in around])
        _, (s1, s2, s3), v = np.linalg.svd(g, full_matrices=False)
        shape = [(s1 + 1) / (math.sqrt(s2 * s3) + 1), (s2 + 1) / (math.sqrt(s3 * s1) + 1)]
        shape.append((s3 + 1) / (math.sqrt(s1 * s2) + 1))
        strength = ((s1 * s2 * s3 + 1e-7) / sum(weights.values())) ** 0.42
        steers[k, y, x] = strength * sum(factor * np.outer(a, a) for factor, a in zip(shape, v, strict=True))
    kernels = np.zeros((t, h, w, 27))
    for k, y, x in np.ndindex(3, h, w):
        k += 3
        bent = [np.array(d) @ frame_at(steers, k + d[0], y + d[1], x + d[2]) @ np.array(d) for d in around]
        kernels[k, y, x] = np.exp(-np.array(bent) / 2)
        kernels[k, y, x] /= kernels[k, y, x].sum()
    saliency = np.zeros((h, w))
    for y, x in np.ndindex(h, w):
        own, total = kernels[4, y, x], 0
        for i, j, m in around:
            other = frame_at(kernels, 4 + i, y + j, x + m)
            cosine = own @ other / math.sqrt((own @ own) * (other @ other))
            total += math.exp((cosine - 1) / 0.7**2)
        saliency[y, x] = 1 / total
    return saliency
