"""The figure of a network: its data flow, watched in one forward, in a few boxes, as SVG."""
