"""The judge: what Whisper hears, as toneless pinyin, and how far that is from what was meant."""

import itertools
import re

import cn2an
import numpy
from faster_whisper import WhisperModel
from faster_whisper.audio import decode_audio
from pypinyin import lazy_pinyin, load_phrases_dict
from scipy import signal

RATE_HZ = 16000
DIGITS = "零一二三四五六七八九"
# Local names that pypinyin reads otherwise; for the expected and the heard text alike.
load_phrases_dict({
    "筻口": [["gàng"], ["kǒu"]],
    "柏祥": [["bǎi"], ["xiáng"]],
    "堤垸": [["dī"], ["yuàn"]],
    "垸内": [["yuàn"], ["nèi"]],
    "薄膜": [["bó"], ["mó"]],
    "六合垸": [["liù"], ["hé"], ["yuàn"]],
})
UNITS = [("mm", "毫米"), ("cm", "厘米"), ("km", "公里"), ("m³", "立方米"), ("℃", "摄氏度"), ("°C", "摄氏度"), ("°", "度")]


def load(path):
    return decode_audio(str(path), sampling_rate=RATE_HZ)


def band_limited(sound):
    """As a telephone or a horn has it: 300-3400 Hz (4th order Butterworth) at 8 kHz."""
    sections = signal.butter(4, [300, 3400], btype="bandpass", fs=RATE_HZ, output="sos")
    narrow = signal.resample_poly(signal.sosfilt(sections, sound), 1, 2)
    return signal.resample_poly(narrow, 2, 1).astype(numpy.float32)


def syllables(text):
    """Toneless syllables of the Chinese characters, and Latin letters one by one."""
    kept = "".join(re.findall(r"[\u4e00-\u9fffA-Za-z]", text))
    found = []
    for piece in re.findall(r"[A-Za-z]|[\u4e00-\u9fff]+", kept):
        found += [piece.lower()] if piece.isascii() else lazy_pinyin(piece)
    return found


def digitwise(number, one):
    return "".join("点" if c == "." else one if c == "1" else DIGITS[int(c)] for c in number)


def cardinal(number):
    return cn2an.an2cn(number, "low")


def number_readings(number):
    """What a transcript may mean by a number in digits: digits do not tell how they were read."""
    plain = number.rstrip(".")
    ways = []
    if len(plain.split(".")[0]) <= 9:
        ways.append(cardinal(plain))
        if plain[0] == "2":
            ways.append("两" + ways[0][1:])
    if "." not in plain and len(plain) > 1:
        ways += [digitwise(plain, "一"), digitwise(plain, "幺")]
    return list(dict.fromkeys(ways))


def expected_syllables(text):
    """Of a warning; the column `said` holds no digits, a text without it is read by cn2an."""
    text = re.sub(r"(\d{4})年", lambda found: digitwise(found[1], "一") + "年", text)
    return syllables(cn2an.transform(text, "an2cn"))


def heard_ways(text, expected):
    """The syllables of a transcript, each number in digits read in the way nearest to `expected`."""
    text = re.sub(r"(\d),(?=\d{3})", r"\1", text)
    text = re.sub(r"(\d{4})年", lambda found: digitwise(found[1], "一") + "年", text)
    text = re.sub(r"(\d+(?:\.\d+)?)%", r"百分之\1", text)
    text = re.sub(r"(\d{1,2}):00", r"\1点", text)
    text = re.sub(r"(\d{1,2}):(\d)", r"\1点\2", text)
    text = re.sub(r"(\d|度|℃)[-~～—](\d)", r"\1到\2", text)
    for unit, word in UNITS:
        text = text.replace(unit, word)
    pieces = re.split(r"(\d+(?:\.\d+)?)", text)
    chosen = [[number_readings(piece)[0] if at % 2 else piece] for at, piece in enumerate(pieces)]
    for at in range(1, len(pieces), 2):
        ways = number_readings(pieces[at])
        ways += ["零" + way for way in ways if pieces[at].startswith("0")]
        chosen[at] = [min(ways, key=lambda way: distance(
            expected, syllables("".join(itertools.chain(*chosen[:at], [way], *chosen[at + 1:])))))]
    return syllables("".join(itertools.chain(*chosen)))


def table(expected, heard):
    rows = [list(range(len(heard) + 1))]
    for i, want in enumerate(expected, 1):
        row = [i]
        for j, got in enumerate(heard, 1):
            row.append(min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (want != got)))
        rows.append(row)
    return rows


def distance(expected, heard):
    return table(expected, heard)[-1][-1]


def differences(expected, heard):
    """The places that differ, as `expected>heard` with `-` for nothing."""
    rows, i, j, found = table(expected, heard), len(expected), len(heard), []
    while i or j:
        if i and j and rows[i][j] == rows[i - 1][j - 1] + (expected[i - 1] != heard[j - 1]):
            i, j = i - 1, j - 1
            if expected[i] != heard[j]:
                found.append(f"{expected[i]}>{heard[j]}@{i}")
        elif i and rows[i][j] == rows[i - 1][j] + 1:
            i -= 1
            found.append(f"{expected[i]}>-@{i}")
        else:
            j -= 1
            found.append(f"->{heard[j]}@{i}")
    return " ".join(reversed(found))


class Judge:
    """Whisper base, on one processor thread."""

    def __init__(self, folder):
        self.model = WhisperModel(str(folder), device="cpu", compute_type="int8", cpu_threads=1)

    def hear(self, sound, expected):
        segments, _ = self.model.transcribe(
            sound, language="zh", beam_size=5, temperature=0, condition_on_previous_text=False)
        text = "".join(segment.text for segment in segments)
        heard = heard_ways(text, expected)
        return {
            "error": round(distance(expected, heard) / len(expected), 4), "transcript": text,
            "expected": " ".join(expected), "heard": " ".join(heard), "differences": differences(expected, heard),
        }
