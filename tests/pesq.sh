#!/bin/sh
# How near HEARD is to REFERENCE by ITU-T P.862 (PESQ), as MOS-LQO. Both are mono WAV files of 16 bits
# at 8 or 16 kHz. The PyPI package `pesq` (MIT; the algorithm's own code is the ITU's) is put into
# a folder of its own; nothing of the product or its tests needs it.
set -e
venv="${TMPDIR:-/tmp}/offhook-pesq"
[ -x "$venv/bin/python3" ] || { python3 -m venv "$venv" && "$venv/bin/pip" install -q pesq==0.0.4; }
exec "$venv/bin/python3" "$(dirname "$0")/pesq.py" "$@"
