"""Prints the PESQ score of REFERENCE as found in DEGRADED, WAV files: at 8 kHz the narrowband one (ITU-T P.862), at 16 kHz the
wideband one (P.862.2).

Of up to TAKES repetitions those count that are there as a whole (the recording cuts the first and the last); their
median is the score, the lower one of two.
"""

import sys
import wave

import numpy
import pesq

MODES = {8000: "nb", 16000: "wb"}


def read(path):
    with wave.open(path) as file:
        assert file.getnchannels() == 1
        samples = numpy.frombuffer(file.readframes(file.getnframes()), dtype=numpy.int16)
        return file.getframerate(), samples.astype(numpy.float64)


def correlation(reference, degraded):
    """Of every start at which the reference fits in."""
    size = 1 << (len(reference) + len(degraded)).bit_length()
    spectrum = numpy.fft.rfft(degraded, size) * numpy.conj(numpy.fft.rfft(reference, size))
    return numpy.fft.irfft(spectrum, size)[: max(1, len(degraded) - len(reference) + 1)]


(rate, reference), (same, degraded), takes = read(sys.argv[1]), read(sys.argv[2]), int(sys.argv[3])
assert rate == same
matches = correlation(reference, degraded)
best = float(numpy.max(matches))
scores = []
for _ in range(takes):
    start = int(numpy.argmax(matches))
    # A cut take fits only in part.
    if scores and matches[start] < 0.8 * best:
        break
    found = degraded[start : start + len(reference)]
    scores.append(pesq.pesq(rate, reference[: len(found)], found, MODES[rate]))
    # The next take is another one.
    half = len(reference) // 2
    matches[max(0, start - half) : start + half] = 0
print(sorted(scores)[(len(scores) - 1) // 2])
