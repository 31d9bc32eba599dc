"""The first screen of the page: the state of the field in one figure, the best row a set, and a strip of clips."""
