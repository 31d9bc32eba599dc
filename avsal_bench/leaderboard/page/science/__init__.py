"""The science of published scores, figures first: disagreements, ground truth, protocols, who uses the sound."""
