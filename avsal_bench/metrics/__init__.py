"""Metrics on maps in memory: pure functions, and MATLAB's resizing that the field's scores depend on."""
