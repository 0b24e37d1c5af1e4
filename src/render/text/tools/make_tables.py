#!/usr/bin/env python3
"""Makes ../tables/characters.txt and ../tables/phrases.txt from pypinyin's tables (MIT), and
../tables/traditional.txt from OpenCC's (Apache-2.0).

Usage:  python3 -m pip download --no-deps pypinyin==0.53.0 -d .
        python3 -m zipfile -e pypinyin-0.53.0-py2.py3-none-any.whl pypinyin-unpacked
        python3 -m pip download --no-deps opencc-python-reimplemented==0.1.7 -d .
        python3 -m zipfile -e opencc_python_reimplemented-0.1.7-py2.py3-none-any.whl opencc-unpacked
        python3 make_tables.py pypinyin-unpacked/pypinyin opencc-unpacked/opencc/dictionary

characters.txt: one syllable a line, `syllable characters…`, CJK unified ideographs U+4E00..U+9FFF only,
    the commonest reading of each.
phrases.txt: `phrase syllable syllable …`, only phrases of 2 to 5 characters whose reading our lookup
    (longest match inside a word, then single characters) would otherwise get wrong. Sandhi of 一 and 不 is undone,
    because the voice has learnt it and would apply it twice. Syllables end in the tone, 5 = neutral.
traditional.txt: `traditional simplified`, the first choice of OpenCC where it has a reading of ours.
"""
import json
import pathlib
import sys
import unicodedata

LONGEST = 5
MARKS = {"\u0304": "1", "\u0301": "2", "\u030c": "3", "\u0300": "4"}


def numbered(syllable):
    """`lǜ` becomes `lv4`."""
    tone, out = "5", ""
    for c in unicodedata.normalize("NFD", syllable):
        if c in MARKS:
            tone = MARKS[c]
        elif c == "\u0308":
            out = out[:-1] + "v"
        elif c == "\u0302":
            pass
        else:
            out += c
    return out.replace("ɡ", "g") + tone


def without_sandhi(phrase, syllables):
    fixed = {"一": "yi1", "不": "bu4"}
    return [fixed[c] if c in fixed and s[:-1] == fixed[c][:-1] else s for c, s in zip(phrase, syllables)]


def read(word, phrases, characters, skip=None):
    """The same longest match as src/render/text/pinyin.rs."""
    out, i = [], 0
    while i < len(word):
        for n in range(min(LONGEST, len(word) - i), 1, -1):
            part = word[i : i + n]
            if part != skip and part in phrases:
                out += phrases[part]
                i += n
                break
        else:
            out.append(characters.get(word[i]))
            i += 1
    return out


def traditional(source, characters):
    pairs = []
    for line in (source / "TSCharacters.txt").read_text().splitlines():
        old, new = line.split("\t")[:2]
        new = new.split(" ")[0]
        if len(old) == 1 and len(new) == 1 and old != new and old in characters and new in characters:
            pairs.append(f"{old} {new}\n")
    return "".join(pairs)


def main(source, opencc, target):
    characters = {}
    for code, readings in json.loads((source / "pinyin_dict.json").read_text()).items():
        if 0x4E00 <= int(code) <= 0x9FFF:
            characters[chr(int(code))] = numbered(readings.split(",")[0])
    kept = {}
    everything = json.loads((source / "phrases_dict.json").read_text())
    for phrase in sorted(everything, key=lambda p: (len(p), p)):
        if not 2 <= len(phrase) <= LONGEST or any(c not in characters for c in phrase):
            continue
        syllables = without_sandhi(phrase, [numbered(s[0]) for s in everything[phrase]])
        if len(syllables) == len(phrase) and read(phrase, kept, characters) != syllables:
            kept[phrase] = syllables
    by_syllable = {}
    for character, syllable in sorted(characters.items()):
        by_syllable.setdefault(syllable, []).append(character)
    (target / "characters.txt").write_text("".join(f"{s} {''.join(c)}\n" for s, c in sorted(by_syllable.items())))
    (target / "phrases.txt").write_text("".join(f"{p} {' '.join(s)}\n" for p, s in sorted(kept.items())))
    (target / "traditional.txt").write_text(traditional(opencc, characters))
    print(len(characters), "characters,", len(kept), "phrases")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(__file__).resolve().parent.parent / "tables")
