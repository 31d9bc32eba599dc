"""Scores of maps in the metrics that more than one file of tests looks at."""

import torch

from avsal_bench.metrics import functional as F


def common_metrics(p, g, fixations, negatives) -> dict[str, torch.Tensor]:
    return {
        "CC": F.cc(p, g),
        "NSS": F.nss(p, fixations),
        "AUC-J": F.auc_judd(p, fixations),
        "AUC-J plain": F.auc_judd(p, fixations, jitter=False),
        "AUC-B": F.auc_borji(p, fixations),
        "sAUC": F.auc_shuffled(p, fixations, negatives),
        "SIM": F.sim(p, g),
        "KL": F.kld(p, g),
        "IG none": F.information_gain(p, None, fixations),
    }
