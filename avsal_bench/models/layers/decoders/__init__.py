"""From an encoder's stages to a map: decoders that several networks have, or that are too long for a network's file."""
