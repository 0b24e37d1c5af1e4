#!/usr/bin/env bash
# Makes the recorded messages of recordings.toml that are absent, with the installed neural voice.
#   mingluo voice install --dir /path/to/voices
#   audio-samples/generate.sh /path/to/voices
# To make one again, delete its .opus file first. One core, about half a second for each second of speech.
set -euo pipefail
MINGLUO_VOICES=$(realpath "${1:?usage: generate.sh VOICES_DIR}")
export MINGLUO_VOICES
cd "$(dirname "$0")/.."
exec cargo test -p mingluo --lib -- --ignored --exact render::recordings_tests::generate_recordings
