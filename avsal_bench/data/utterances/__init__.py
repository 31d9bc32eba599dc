"""Spoken words to pre-train an encoder of sound on: which recordings a release has, and batches of them."""
