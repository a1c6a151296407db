#!/bin/sh
# Installs the programs that the tests need, or says what to install.
# Usage: tools.sh sipp baresip sox lame opusenc ffmpeg node npm
set -u

package() {
    case "$1" in
        sipp) echo sip-tester ;;
        node) echo nodejs ;;
        opusenc) echo opus-tools ;;
        *) echo "$1" ;;
    esac
}

missing=""
for tool in "$@"; do
    command -v "$tool" >/dev/null 2>&1 || missing="$missing $(package "$tool")"
done
if [ -n "$missing" ]; then
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        echo "installing$missing"
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $missing >/dev/null
    fi
fi

failed=0
for tool in "$@"; do
    command -v "$tool" >/dev/null 2>&1 && continue
    echo "missing: $tool. Install it with: sudo apt-get install $(package "$tool")" >&2
    failed=1
done

for tool in cargo-nextest cargo-deny; do
    command -v "$tool" >/dev/null 2>&1 && continue
    echo "installing $tool"
    cargo install --locked --quiet "$tool" || {
        echo "missing: $tool. Install it with: cargo install --locked $tool" >&2
        failed=1
    }
done
# The SIP stack of a web phone. What is there already is left alone.
sipjs=$(dirname "$0")/peers/sipjs
if ! cmp -s "$sipjs/package-lock.json" "$sipjs/node_modules/.installed"; then
    echo "installing SIP.js"
    if npm ci --prefix "$sipjs" --prefer-offline --ignore-scripts --no-audit --no-fund --silent; then
        cp "$sipjs/package-lock.json" "$sipjs/node_modules/.installed"
    else
        echo "missing: SIP.js. Install it with: npm ci --prefix $sipjs" >&2
        failed=1
    fi
fi
exit $failed
