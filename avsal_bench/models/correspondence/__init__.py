"""Classifiers of audio-visual consistency (scdl2022): does the sound belong to the picture?"""
