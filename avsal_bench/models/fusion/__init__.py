"""How networks join picture and sound: the fusions of the papers, each of which others may try."""
