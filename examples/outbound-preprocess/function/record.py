"""One line of a call list: decode, parse, validate, standardise.

A call list is a CSV file with one record per line and these columns:

    record_id,name,phone,id_number,campaign,amount,language,window

Everything here is about a single line and knows no other. A line that cannot be
used raises Reject with the reason; the first reason found is the one reported,
in the order of the checks in parse().
"""

import csv
import datetime
import re
import unicodedata

COLUMNS = ["record_id", "name", "phone", "id_number", "campaign", "amount", "language", "window"]
OPTIONAL = {"id_number"}

# What comes out, in this order. "line" is the line number in the input file.
OUTPUT = ["line", "record_id", "name", "phone", "id_last4", "campaign",
          "amount_fen", "language", "window_start", "window_end"]

MAX_LINE = 1024  # bytes
MAX_FIELD = {"record_id": 32, "name": 50, "campaign": 32}  # characters

# Calls are allowed between these times of the day, in minutes since midnight.
EARLIEST, LATEST = 8 * 60, 21 * 60

LANGUAGES = {
    "zh": "zh-CN", "zh-cn": "zh-CN", "mandarin": "zh-CN", "普通话": "zh-CN", "国语": "zh-CN", "中文": "zh-CN",
    "yue": "yue-CN", "cantonese": "yue-CN", "粤语": "yue-CN", "广东话": "yue-CN",
    "en": "en-US", "en-us": "en-US", "english": "en-US", "英语": "en-US", "英文": "en-US",
    "ug": "ug-CN", "uyghur": "ug-CN", "维吾尔语": "ug-CN",
    "bo": "bo-CN", "tibetan": "bo-CN", "藏语": "bo-CN",
}

_PHONE = re.compile(r"1[3-9][0-9]{9}", re.ASCII)
_PHONE_NOISE = re.compile(r"[\s()\-.]")
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,2})?", re.ASCII)
_WINDOW = re.compile(r"([0-9]{1,2}):?([0-9]{2})\s*[-~至]\s*([0-9]{1,2}):?([0-9]{2})", re.ASCII)
_ID = re.compile(r"[0-9]{17}[0-9X]", re.ASCII)
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_DOTS = re.compile("[•‧∙・]")
_SPACES = re.compile(r"\s+")


class Reject(Exception):
    """The line cannot be used."""

    def __init__(self, reason, field="", detail="", record_id=""):
        super().__init__(reason)
        self.reason, self.field, self.detail, self.record_id = reason, field, detail, record_id


def decode(raw):
    """bytes of one line -> (text, repaired)

    Files are UTF-8, but systems that export GB18030 append to them. Such a line
    is repaired, unless the result is doubtful: a person must not be called by a
    name that is an accident of decoding.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = _as_gb18030(raw)
        if text is None:
            raise Reject("BAD_ENCODING", "line", "neither UTF-8 nor GB18030")
        return text, True
    if not text.isascii() and _looks_mistaken(_name_of(text)):
        # 谢伟 in GB18030 happens to be valid UTF-8 ("лΰ"). A name of such
        # letters only, which reads as Chinese the other way, is Chinese.
        other = _as_gb18030(raw)
        if other is not None and _is_han(_name_of(other)):
            return other, True
    return text, False


def _as_gb18030(raw):
    try:
        text = raw.decode("gb18030")
    except UnicodeDecodeError:
        return None
    # Cut or damaged UTF-8 often decodes as GB18030 too, into characters that
    # hardly anybody has in a name. Those of GB2312 are the ones in use (and the
    # dot between the parts of a name, which Python's codec knows as another).
    try:
        _name_of(text).replace("·", "").encode("gb2312")
    except UnicodeEncodeError:
        return None
    return text


def _name_of(text):
    parts = text.split(",", 2)
    return parts[1].strip() if len(parts) > 2 else ""


def _looks_mistaken(name):
    return name != "" and all("\u0080" <= c <= "\u07ff" for c in name)


def _is_han(name):
    return name != "" and all("\u4e00" <= c <= "\u9fff" for c in name)


def parse(raw):
    """bytes of one line, without its line end -> (list in the order of OUTPUT[1:], repaired)"""
    if not raw.strip():
        raise Reject("BLANK_LINE", "line")
    if len(raw) > MAX_LINE:
        raise Reject("OVERLONG", "line", "%d bytes, at most %d" % (len(raw), MAX_LINE))
    text, repaired = decode(raw)
    fields = _split(text)
    try:
        return _standardise(fields), repaired
    except Reject as r:
        r.record_id = fields["record_id"][:32]
        raise


def _split(text):
    try:
        row = next(csv.reader([text], strict=True))
    except (csv.Error, StopIteration):
        raise Reject("BAD_COLUMNS", "line", "quotes do not match")
    if len(row) != len(COLUMNS):
        raise Reject("BAD_COLUMNS", "line", "%d columns instead of %d" % (len(row), len(COLUMNS)))
    if not text.isascii():
        # Full-width digits, letters and signs become plain ones.
        row = [v if v.isascii() else unicodedata.normalize("NFKC", v) for v in row]
    return {c: v.strip() for c, v in zip(COLUMNS, row)}


def _standardise(f):
    for column in COLUMNS:
        if not f[column] and column not in OPTIONAL:
            raise Reject("MISSING_FIELD", column)
    for column, limit in MAX_FIELD.items():
        if len(f[column]) > limit:
            raise Reject("OVERLONG", column, "%d characters, at most %d" % (len(f[column]), limit))
    name = _SPACES.sub(" ", _DOTS.sub("·", f["name"]))
    start, end = window(f["window"])
    return [f["record_id"], name, phone(f["phone"]), id_last4(f["id_number"]), f["campaign"],
            str(amount_fen(f["amount"])), language(f["language"]), start, end]


def phone(text):
    """Mainland mobile number in whatever spelling -> +86 and eleven digits"""
    digits = _PHONE_NOISE.sub("", text)
    for prefix in ("+86", "0086", "86"):
        if digits.startswith(prefix) and len(digits) == len(prefix) + 11:
            digits = digits[len(prefix):]
            break
    if not _PHONE.fullmatch(digits):
        raise Reject("BAD_PHONE", "phone", "%d characters, begins %s" % (len(text), text[:3]))
    return "+86" + digits


def id_last4(text):
    """Resident id number -> its last four characters; "" stays """
    if not text:
        return ""
    number = text.upper()
    if not _ID.fullmatch(number):
        raise Reject("BAD_ID", "id_number", "not 18 digits")
    try:
        datetime.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        raise Reject("BAD_ID", "id_number", "no such date of birth")
    total = sum(w * int(d) for w, d in zip(_ID_WEIGHTS, number))
    if "10X98765432"[total % 11] != number[17]:
        raise Reject("BAD_ID", "id_number", "wrong check digit")
    return number[14:]


def amount_fen(text):
    """Yuan in whatever spelling -> fen"""
    plain = text.replace(",", "").replace("¥", "").replace("元", "").strip()
    if not _AMOUNT.fullmatch(plain):
        raise Reject("BAD_AMOUNT", "amount", text[:24])
    yuan, _, cents = plain.partition(".")
    return int(yuan) * 100 + int((cents + "00")[:2])


def language(text):
    tag = LANGUAGES.get(text.lower())
    if tag is None:
        raise Reject("BAD_LANGUAGE", "language", text[:24])
    return tag


def window(text):
    """Time of day from-to in whatever spelling -> ("HH:MM", "HH:MM")"""
    m = _WINDOW.fullmatch(text)
    if not m:
        raise Reject("BAD_WINDOW", "window", text[:24])
    h1, m1, h2, m2 = (int(g) for g in m.groups())
    start, end = h1 * 60 + m1, h2 * 60 + m2
    if m1 > 59 or m2 > 59 or start < EARLIEST or end > LATEST or start >= end:
        raise Reject("BAD_WINDOW", "window", text[:24])
    return "%02d:%02d" % (h1, m1), "%02d:%02d" % (h2, m2)
