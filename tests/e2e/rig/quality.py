"""Prints the narrowband PESQ score (ITU-T P.862) of the best match of REFERENCE in DEGRADED, WAV files at 8 kHz."""

import sys
import wave

import numpy
import pesq


def read(path):
    with wave.open(path) as file:
        assert file.getframerate() == 8000 and file.getnchannels() == 1
        return numpy.frombuffer(file.readframes(file.getnframes()), dtype=numpy.int16).astype(numpy.float64)


reference, degraded = read(sys.argv[1]), read(sys.argv[2])
size = 1 << (len(reference) + len(degraded)).bit_length()
spectrum = numpy.fft.rfft(degraded, size) * numpy.conj(numpy.fft.rfft(reference, size))
start = int(numpy.argmax(numpy.fft.irfft(spectrum, size)[: max(1, len(degraded) - len(reference) + 1)]))
degraded = degraded[start : start + len(reference)]
print(pesq.pesq(8000, reference[: len(degraded)], degraded, "nb"))
