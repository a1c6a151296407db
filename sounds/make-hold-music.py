#!/usr/bin/env python3
"""Render the hold music into moh/default.wav: 16 kHz, mono, 16 bit, a seamless loop.

Only needed after changing the piece; the sound is committed. Python 3.11 is enough, it takes about
a minute, and running it twice gives the same bytes.

The piece: sixteen bars in D major at 75 beats a minute, 51.2 s. A soft pad holds the chords, a
plucked string breaks them into quavers, a bass marks the changes, and a bell plays the tune. What a
telephone cuts off (below 300 and above 3400 Hz) is cut off here, so what is written is what is heard;
the bass lives by its overtones.

Nothing clicks where the loop closes: notes that ring past the end are written into the beginning, and
reverberation and filters run round the loop twice, of which the second time is kept.
"""

import array
import math
import pathlib
import random
import sys
import wave

HERE = pathlib.Path(__file__).resolve().parent
RATE = 16_000
BEAT = RATE * 60 // 75
BAR = 4 * BEAT
BARS = 16
LENGTH = BARS * BAR

# RMS over the whole loop, in dB below full scale.
LOUDNESS_DBFS = -18.0

# Bass note, then the chord from low to high. The pad sings the chord, the string breaks it.
CHORDS = [
    ("D3", "F#4 A4 C#5 E5"),  # Dmaj9
    ("B2", "D4 F#4 A4 D5"),  # Bm7
    ("G2", "D4 F#4 B4 D5"),  # Gmaj7
    ("A2", "D4 E4 G4 B4"),  # A9sus4
    ("F#2", "C#4 E4 A4 C#5"),  # F#m7
    ("B2", "D4 F#4 A4 D5"),  # Bm7
    ("E3", "D4 G4 B4 D5"),  # Em7
    ("A2", "C#4 E4 G4 C#5"),  # A7
    ("G2", "D4 F#4 B4 D5"),  # Gmaj7
    ("G2", "C#4 E4 A4 C#5"),  # A/G
    ("F#2", "C#4 E4 A4 C#5"),  # F#m7
    ("B2", "D4 F#4 A4 D5"),  # Bm7
    ("E3", "D4 G4 B4 E5"),  # Em7
    ("F#2", "D4 F#4 A4 D5"),  # D/F#
    ("G2", "D4 F#4 A4 B4"),  # Gmaj9
    ("A2", "D4 E4 G4 B4"),  # A9sus4
]

# Which chord note the string plays at each quaver of a bar; even and odd bars take turns.
FIGURES = ([0, 2, 1, 3, 2, 1, 3, 2], [0, 1, 2, 3, 1, 2, 3, 1])

# The tune: per bar, (beat, note, length in beats).
TUNE = [
    [(0, "F#5", 1.5), (1.5, "E5", 0.5), (2, "A5", 2)],
    [(0, "F#5", 2), (2.5, "D5", 0.5), (3, "E5", 1)],
    [(0, "D5", 1.5), (1.5, "B4", 0.5), (2, "D5", 2)],
    [(0, "E5", 3.5)],
    [(0, "A5", 1.5), (1.5, "F#5", 0.5), (2, "C#6", 2)],
    [(0, "B5", 2), (2.5, "A5", 0.5), (3, "F#5", 1)],
    [(0, "G5", 1.5), (1.5, "F#5", 0.5), (2, "E5", 1), (3, "D5", 1)],
    [(0, "E5", 3.5)],
    [(0, "B5", 1.5), (1.5, "A5", 0.5), (2, "D6", 2)],
    [(0, "C#6", 1.5), (1.5, "B5", 0.5), (2, "A5", 2)],
    [(0, "A5", 1), (1, "F#5", 1), (2, "C#6", 1.5), (3.5, "B5", 0.5)],
    [(0, "B5", 1), (1, "F#5", 1), (2, "D5", 2)],
    [(0, "G5", 1.5), (1.5, "F#5", 0.5), (2, "B5", 2)],
    [(0, "A5", 1.5), (1.5, "F#5", 0.5), (2, "D5", 2)],
    [(0, "B4", 1), (1, "D5", 1), (2, "F#5", 1), (3, "A5", 1)],
    [(0, "G5", 1), (1, "E5", 3)],
]

# Small, and the same at each run: no hand plays two notes alike.
chance = random.Random(75)


def main() -> None:
    dry, wet = [0.0] * LENGTH, [0.0] * LENGTH
    for bar, ((bass, chord), tune) in enumerate(zip(CHORDS, TUNE)):
        start, notes = bar * BAR, chord.split()
        play_bass(dry, start, bass)
        play_pad(wet, start, notes)
        for quaver, which in enumerate(FIGURES[bar % 2]):
            accent = 1.0 if quaver % 4 == 0 else 0.75
            play_string(dry, wet, start + quaver * BEAT // 2, notes[which], accent)
        for beat, note, beats in tune:
            play_bell(dry, wet, start + round(beat * BEAT), note, beats)
    echo = reverberate(wet)
    mix = [d + w + 0.5 * e for d, w, e in zip(dry, wet, echo)]
    mix = telephone_band(mix)
    gain = 10 ** (LOUDNESS_DBFS / 20) / math.sqrt(sum(s * s for s in mix) / LENGTH)
    path = HERE / "moh" / "default.wav"
    path.parent.mkdir(exist_ok=True)
    write(path, [s * gain for s in mix])


def hertz(note: str) -> float:
    """Equal temperament, A4 = 440 Hz."""
    name, octave = note[:-1], int(note[-1])
    steps = {"C": -9, "C#": -8, "D": -7, "E": -5, "F": -4, "F#": -3, "G": -2, "A": 0, "B": 2}[name]
    return 440.0 * 2 ** ((steps + 12 * (octave - 4)) / 12)


def add(track: list[float], at: int, note: list[float], gain: float) -> None:
    for n, sample in enumerate(note, at):
        track[n % LENGTH] += gain * sample


def partials(
    frequency: float, seconds: float, parts: list[tuple[float, float, float]], attack: float
) -> list[float]:
    """Dying sines. Each part: multiple of the frequency, strength, seconds to fall to 1/e."""
    count = round(seconds * RATE)
    out = [0.0] * count
    for multiple, strength, decay in parts:
        if frequency * multiple > 3_400:
            continue
        # A rotating phasor is several times quicker than a sine per sample, and as exact.
        turn = 2 * math.pi * frequency * multiple / RATE
        shrink = math.exp(-1 / (decay * RATE))
        real, imaginary = shrink * math.cos(turn), shrink * math.sin(turn)
        x, y = strength, 0.0
        for n in range(count):
            out[n] += y
            x, y = x * real - y * imaginary, x * imaginary + y * real
    rise, fall = round(attack * RATE), RATE // 20
    for n in range(rise):
        out[n] *= 0.5 - 0.5 * math.cos(math.pi * n / rise)
    for n in range(fall):
        out[-1 - n] *= n / fall
    return out


def play_string(dry: list[float], wet: list[float], at: int, note: str, accent: float) -> None:
    pluck_at = 0.28
    parts = [
        (k * math.sqrt(1 + 0.0002 * k * k), math.sin(math.pi * k * pluck_at) / k**1.6, 0.75 / k**0.7)
        for k in range(1, 9)
    ]
    sound = partials(hertz(note), 1.8, parts, 0.004)
    at += chance.randrange(RATE // 150)
    strength = 0.16 * accent * chance.uniform(0.85, 1.0)
    add(dry, at, sound, strength)
    add(wet, at, sound, strength * 0.25)


def play_bell(dry: list[float], wet: list[float], at: int, note: str, beats: float) -> None:
    ring = 0.5 + 0.45 * beats
    parts = [(1, 1.0, ring), (2, 0.14, ring * 0.5), (4, 0.10, 0.12)]
    sound = partials(hertz(note), 0.9 + 1.1 * beats, parts, 0.012)
    # The slow swell of a vibraphone's discs.
    sound = [
        s * (1 - 0.14 * (0.5 - 0.5 * math.cos(2 * math.pi * 4.5 * n / RATE)))
        for n, s in enumerate(sound)
    ]
    strength = 0.22 * chance.uniform(0.9, 1.0)
    add(dry, at, sound, strength)
    add(wet, at, sound, strength * 0.45)


def play_bass(dry: list[float], start: int, note: str) -> None:
    parts = [(k, 1 / k**0.9, 1.3 / k**0.5) for k in range(1, 8)]
    add(dry, start, partials(hertz(note), 2.6, parts, 0.02), 0.20)
    add(dry, start + 5 * BEAT // 2, partials(hertz(note), 1.2, parts, 0.02), 0.10)


def play_pad(wet: list[float], start: int, notes: list[str]) -> None:
    """Two slightly mistuned voices per note, swelling in and overlapping the next bar."""
    seconds = (BAR + BEAT) / RATE
    count = round(seconds * RATE)
    swell = BEAT
    shape = [min(1.0, n / swell, (count - 1 - n) / swell) for n in range(count)]
    shape = [0.5 - 0.5 * math.cos(math.pi * s) for s in shape]
    for note in notes:
        for cents in (-4, 4):
            frequency = hertz(note) * 2 ** (cents / 1200)
            voice = partials(frequency, seconds, [(1, 1, 60), (2, 0.3, 60), (3, 0.12, 60)], 0.01)
            add(wet, start, [v * s for v, s in zip(voice, shape)], 0.030)


def reverberate(samples: list[float]) -> list[float]:
    """Schroeder's reverberator: four combs side by side, then two all-passes."""
    total = [0.0] * LENGTH
    for delay, feedback in ((557, 0.80), (617, 0.785), (683, 0.77), (743, 0.755)):
        line, place, low = [0.0] * delay, 0, 0.0
        for n in range(2 * LENGTH):
            out = line[place]
            low += 0.55 * (out - low)
            line[place] = samples[n % LENGTH] + feedback * low
            place = (place + 1) % delay
            if n >= LENGTH:
                total[n - LENGTH] += 0.25 * out
    for delay in (241, 83):
        line, place, source, total = [0.0] * delay, 0, total, [0.0] * LENGTH
        for n in range(2 * LENGTH):
            behind = line[place]
            ahead = source[n % LENGTH] + 0.6 * behind
            line[place] = ahead
            place = (place + 1) % delay
            if n >= LENGTH:
                total[n - LENGTH] = behind - 0.6 * ahead
    return total


def telephone_band(samples: list[float]) -> list[float]:
    # Fourth order each way: two sections of a Butterworth filter.
    for q in (0.541, 1.307):
        samples = biquad(samples, "high", 260.0, q)
    for q in (0.541, 1.307):
        samples = biquad(samples, "low", 3_300.0, q)
    return samples


def biquad(samples: list[float], kind: str, corner: float, q: float) -> list[float]:
    angle = 2 * math.pi * corner / RATE
    cosine, alpha = math.cos(angle), math.sin(angle) / (2 * q)
    sign = 1 if kind == "high" else -1
    edge = (1 + sign * cosine) / 2 / (1 + alpha)
    b0, b1, b2 = edge, -sign * 2 * edge, edge
    a1, a2 = -2 * cosine / (1 + alpha), (1 - alpha) / (1 + alpha)
    x1 = x2 = y1 = y2 = 0.0
    out = [0.0] * LENGTH
    for n in range(2 * LENGTH):
        x = samples[n % LENGTH]
        y = b0 * x + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2
        x1, x2, y1, y2 = x, x1, y, y1
        if n >= LENGTH:
            out[n - LENGTH] = y
    return out


def write(path: pathlib.Path, samples: list[float]) -> None:
    peak = max(abs(s) for s in samples)
    rms = math.sqrt(sum(s * s for s in samples) / len(samples))
    print(f"{len(samples) / RATE} s, peak {20 * math.log10(peak):.1f} dBFS, RMS {20 * math.log10(rms):.1f} dBFS")
    if peak >= 0.95:
        sys.exit("it would clip")
    whole = array.array("h", (round(s * 32768) for s in samples))
    if sys.byteorder == "big":
        whole.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(whole.tobytes())


if __name__ == "__main__":
    main()
