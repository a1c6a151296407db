#!/usr/bin/env python3
"""MOS-LQO of a WAV file against its original, by ITU-T P.862 (8 kHz) or P.862.2 (16 kHz)."""

import sys
import wave

import numpy
from pesq import pesq


def read(path):
    with wave.open(path) as file:
        if file.getnchannels() != 1 or file.getsampwidth() != 2:
            sys.exit(f"{path}: wanted mono, 16 bits")
        return file.getframerate(), numpy.frombuffer(file.readframes(file.getnframes()), numpy.int16)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: pesq.py REFERENCE HEARD")
    (rate, reference), (other, heard) = map(read, sys.argv[1:])
    if rate != other or rate not in (8000, 16000):
        sys.exit(f"wanted 8 or 16 kHz, both the same: {rate} and {other}")
    print(f"{pesq(rate, reference, heard, 'nb' if rate == 8000 else 'wb'):.2f}")


main()
