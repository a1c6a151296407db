#!/usr/bin/env python3
"""Speak prompts.toml into en/<id>.wav and prompts.de.toml into de/<id>.wav: 16 kHz, mono, 16 bit.

Only needed after changing one of them; the sounds are committed.

    sounds/make-prompts.py            every prompt, and remove sounds no prompt names
    sounds/make-prompts.py queue/     only the prompts whose id starts so
    sounds/make-prompts.py de/queue/  the same in one language only

Needs Python 3.11, flite (with the voice slt), espeak-ng and sox. Each sentence is spoken a little slower than
flite's own pace; each prompt is freed of rumble and of silence at both ends, and brought to the same
loudness.
Running it twice gives the same bytes.
"""

import array
import math
import pathlib
import subprocess
import sys
import tempfile
import tomllib
import wave

HERE = pathlib.Path(__file__).resolve().parent
CATALOGUES = {"en": HERE / "prompts.toml", "de": HERE / "prompts.de.toml"}
RATE = 16_000

# Loudness of the parts in which somebody speaks, in dB below full scale (RMS). Comfortable on a
# telephone, and it leaves the voice's peaks room.
SPEECH_DBFS = -20.0
PEAK_DBFS = -2.0
# Ten-millisecond frames this far below the loudest one count as silence.
SILENCE_BELOW_LOUDEST_DB = 38.0
FRAME = RATE // 100
# What stays of the silence, so that no consonant is cut and no two prompts stick together.
LEAD_IN = RATE * 20 // 1000
LEAD_OUT = RATE * 60 // 1000
# flite speaks sentences faster than a caller who hears them for the first time can follow. Single
# words stay as they are: they are parts of sentences, and a stretched "two" sounds like "zero".
SENTENCE_STRETCH = 1.08
# Words a minute of espeak-ng; its own 175 are too many for a caller.
ESPEAK_PACE = 150


def main() -> None:
    prefix = sys.argv[1] if len(sys.argv) > 1 else ""
    for language, catalogue in CATALOGUES.items():
        rest = prefix.removeprefix(f"{language}/")
        if rest == prefix and prefix.split("/")[0] in CATALOGUES:
            continue
        make(HERE / language, tomllib.loads(catalogue.read_text())["prompt"], rest)


def make(folder: pathlib.Path, prompts: list[dict], prefix: str) -> None:
    for prompt in prompts:
        if not prompt["id"].startswith(prefix):
            continue
        samples = beep(prompt["tone"]) if "tone" in prompt else speak(prompt)
        path = folder / f"{prompt['id']}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, samples)
        print(f"{len(samples) / RATE:6.2f} s  {folder.name}/{prompt['id']}")
    if not prefix:
        named = {folder / f"{prompt['id']}.wav" for prompt in prompts}
        for path in sorted(set(folder.rglob("*.wav")) - named):
            path.unlink()
            print(f"removed   {path.relative_to(folder.parent)}")


def speak(prompt: dict) -> list[float]:
    program, voice = prompt["speaker"].split(" ")
    words = prompt.get("spoken", prompt["text"])
    stretch = SENTENCE_STRETCH if " " in words else 1.0
    with tempfile.TemporaryDirectory() as folder:
        raw, clean = f"{folder}/raw.wav", f"{folder}/clean.wav"
        if program == "flite":
            pace = ("--setf", f"duration_stretch={stretch}")
            run("flite", "-voice", voice, *pace, "-t", words, "-o", raw)
        else:
            run("espeak-ng", "-v", voice, "-s", str(ESPEAK_PACE), "-w", raw, words)
        # -D: no dither, which is random. The high-pass also removes any DC offset.
        run("sox", "-D", raw, "-r", str(RATE), "-c", "1", "-b", "16", clean, "highpass", "90")
        return level(trim(read(clean)))


def beep(tone: dict) -> list[float]:
    count = RATE * int(tone["length"].removesuffix("ms")) // 1000
    edge = RATE // 100
    peak = math.sqrt(2) * 10 ** (SPEECH_DBFS / 20)
    turn = 2 * math.pi * tone["frequency"] / RATE
    return [
        peak * math.sin(turn * n) * min(1.0, n / edge, (count - 1 - n) / edge) for n in range(count)
    ]


def trim(samples: list[float]) -> list[float]:
    loudness = frame_levels(samples)
    floor = max(loudness) - SILENCE_BELOW_LOUDEST_DB
    spoken = [i for i, level_db in enumerate(loudness) if level_db > floor]
    first, last = spoken[0] * FRAME, (spoken[-1] + 1) * FRAME
    first, last = max(0, first - LEAD_IN), min(len(samples), last + LEAD_OUT)
    cut = samples[first:last]
    for n in range(min(LEAD_IN, len(cut))):
        cut[n] *= n / LEAD_IN
    for n in range(min(LEAD_OUT, len(cut))):
        cut[-1 - n] *= n / LEAD_OUT
    return cut


def level(samples: list[float]) -> list[float]:
    loudness = frame_levels(samples)
    floor = max(loudness) - 25.0
    active = [10 ** (level_db / 10) for level_db in loudness if level_db > floor]
    speech_db = 10 * math.log10(sum(active) / len(active))
    peak_db = 20 * math.log10(max(abs(s) for s in samples))
    gain = 10 ** (min(SPEECH_DBFS - speech_db, PEAK_DBFS - peak_db) / 20)
    return [s * gain for s in samples]


def frame_levels(samples: list[float]) -> list[float]:
    frames = (samples[i : i + FRAME] for i in range(0, len(samples) - FRAME + 1, FRAME))
    return [10 * math.log10(sum(s * s for s in frame) / FRAME + 1e-12) for frame in frames]


def run(*command: str) -> None:
    try:
        subprocess.run(command, check=True)
    except FileNotFoundError:
        sys.exit(f"{command[0]} is missing: apt-get install flite espeak-ng sox")


def read(path: str) -> list[float]:
    with wave.open(path, "rb") as file:
        samples = array.array("h", file.readframes(file.getnframes()))
    if sys.byteorder == "big":
        samples.byteswap()
    return [s / 32768 for s in samples]


def write(path: pathlib.Path, samples: list[float]) -> None:
    whole = array.array("h", (max(-32768, min(32767, round(s * 32768))) for s in samples))
    if sys.byteorder == "big":
        whole.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(whole.tobytes())


if __name__ == "__main__":
    main()
