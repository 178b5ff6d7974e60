#!/usr/bin/env python3
"""Writes a call list as a bank's systems would export it, defects included.

    python3 generate.py --out DIR [--rows 200000] [--seed 20260101]

makes DIR/calls.csv and DIR/manifest.json. The same seed and number of rows give
the same bytes on every machine. The manifest says which line has which defect,
and has the SHA-256 of what a correct preprocessing makes of all other lines, so
that a result can be checked exactly.

Nobody is meant by any record: names, numbers and amounts are drawn at random,
and the resident ids begin with area code 990000, which does not exist.

The generator shares no code with the function. It starts from the standard form
of a record, knows thereby what must come out, and only then writes it down in
one of the many spellings found in such files.
"""

import argparse
import datetime
import hashlib
import json
import os
import random

SURNAMES = list("王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘蒋蔡余") + ["欧阳", "上官", "司马", "诸葛"]
GIVEN = list("伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英华玉兰红建国文斌宇浩然子涵欣怡梓轩雨晨思远嘉琪晓东志鹏春梅海燕立新永康佳慧俊")
UYGHUR = ["买买提", "吐尔逊", "阿不都拉", "古丽娜尔", "艾尔肯", "热依汗", "玉素甫"]
FOREIGN = ["José García", "François Dupont", "Jürgen Müller", "Anna Smith", "David Brown", "Ngô Thị Mai"]
PREFIXES = ["130", "131", "135", "136", "137", "138", "139", "150", "151", "158", "159", "166", "176", "180", "186", "188", "189", "191", "198", "199"]
CAMPAIGNS = ["CC-BILL-2026Q3", "LOAN-DUE-0915", "WEALTH-MATURITY", "MORTGAGE-RATE", "SURVEY-BRANCH"]
LANGUAGES = {
    "zh-CN": ["普通话", "zh-CN", "Mandarin", "国语", "ZH"],
    "yue-CN": ["粤语", "yue", "Cantonese", "广东话"],
    "en-US": ["英语", "en", "English", "en-US"],
    "ug-CN": ["维吾尔语", "ug"],
    "bo-CN": ["藏语", "bo"],
}
HEADER = "record_id,name,phone,id_number,campaign,amount,language,window"

# Of 10,000 rows so many have the defect. A row has one defect at most.
DEFECTS = [
    ("BAD_PHONE", 100), ("DUPLICATE", 120), ("MISSING_FIELD", 60), ("BAD_ID", 30), ("BAD_AMOUNT", 30),
    ("BAD_WINDOW", 20), ("BAD_LANGUAGE", 20), ("BAD_ENCODING", 20), ("BAD_COLUMNS", 10), ("OVERLONG", 10),
    ("BLANK_LINE", 5),
]
GB18030 = 80  # of 10,000 rows are written in GB18030: to be repaired, not rejected


class Dice:
    """Only Random.random() is the same in every version of Python."""

    def __init__(self, seed):
        self._random = random.Random(seed).random

    def below(self, n):
        return int(self._random() * n)

    def pick(self, items):
        return items[self.below(len(items))]

    def chance(self, of_ten_thousand):
        return self.below(10000) < of_ten_thousand

    def digits(self, n):
        return "".join("0123456789"[self.below(10)] for _ in range(n))


class Record:
    """A record in its standard form."""

    def __init__(self, record_id, name, phone, id_number, campaign, fen, language, start, end):
        self.record_id, self.name, self.phone, self.id_number = record_id, name, phone, id_number
        self.campaign, self.fen, self.language, self.start, self.end = campaign, fen, language, start, end

    def standard(self, line):
        """The row that preprocessing must make of it; no value needs quotes."""
        return ",".join([str(line), self.record_id, self.name, "+86" + self.phone, self.id_number[-4:], self.campaign,
                         str(self.fen), self.language, clock(self.start), clock(self.end)]) + "\n"


def clock(minutes):
    return "%02d:%02d" % divmod(minutes, 60)


class Source:
    """Draws records whose (campaign, phone) have not been drawn before."""

    def __init__(self, dice):
        self.dice, self._taken, self._phones, self._next = dice, set(), [], 0

    def record(self):
        d = self.dice
        self._next += 1
        campaign, phone = self._target()
        start = 8 * 60 + 30 * d.below(22)
        end = min(start + 60 + 30 * d.below(8), 21 * 60)
        return Record(
            "R%08d" % self._next, self.name(), phone, "" if d.chance(1500) else resident_id(d), campaign,
            d.below(100) if d.chance(300) else d.below(50000000),
            "zh-CN" if d.chance(8500) else d.pick(sorted(LANGUAGES)), start, end)

    def _target(self):
        d = self.dice
        while True:
            campaign = d.pick(CAMPAIGNS)
            # Some people are on the lists of several campaigns: no duplicates.
            known = self._phones and d.chance(1500)
            phone = d.pick(self._phones) if known else d.pick(PREFIXES) + d.digits(8)
            if (campaign, phone) not in self._taken:
                self._taken.add((campaign, phone))
                self._phones.append(phone)
                return campaign, phone

    def name(self):
        d = self.dice
        kind = d.below(10000)
        if kind < 20:
            return "谢伟"  # whose GB18030 bytes are valid UTF-8
        if kind < 200:
            return d.pick(UYGHUR) + "·" + d.pick(UYGHUR)
        if kind < 300:
            return d.pick(FOREIGN)
        return d.pick(SURNAMES) + "".join(d.pick(GIVEN) for _ in range(1 + d.below(2)))


def resident_id(d):
    born = datetime.date(1950, 1, 1) + datetime.timedelta(days=d.below(20000))
    body = "990000" + born.strftime("%Y%m%d") + d.digits(3)
    return body + check_digit(body)


def check_digit(body):
    total = sum(pow(2, 17 - i, 11) * int(c) for i, c in enumerate(body))
    return "10X98765432"[total % 11]


def wide(text):
    """ASCII -> full-width"""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def spell(d, r):
    """The record's columns, each in one of the spellings found in such files."""
    return [spaced(d, r.record_id), spaced(d, dotted(d, r.name)), spell_phone(d, r.phone),
            r.id_number.lower() if d.chance(2000) else r.id_number, r.campaign, spell_amount(d, r.fen),
            d.pick(LANGUAGES[r.language]), spell_window(d, r.start, r.end)]


def spaced(d, text):
    kind = d.below(100)
    return " " + text if kind < 3 else text + "  " if kind < 5 else text + "\u3000" if kind < 6 else text


def dotted(d, name):
    return name.replace("·", d.pick(["·", "•", "・"])) if d.chance(3000) else name


def spell_phone(d, p):
    kind = d.below(100)
    if kind < 60:
        return p
    return d.pick([
        "+86" + p, "0086" + p, "86" + p, "+86 " + p[:3] + " " + p[3:7] + " " + p[7:],
        p[:3] + "-" + p[3:7] + "-" + p[7:], p[:3] + " " + p[3:7] + " " + p[7:], wide(p), "(+86)" + p])


def spell_amount(d, fen):
    plain = "%d.%02d" % divmod(fen, 100)
    kind = d.below(100)
    if kind < 60:
        return plain
    if kind < 75:
        return '"%s"' % "{:,}.{:02d}".format(*divmod(fen, 100))
    if kind < 80:
        return '"¥%s"' % "{:,}.{:02d}".format(*divmod(fen, 100))
    if kind < 90:
        return plain[:-1] if plain.endswith("0") else plain
    return wide(plain) if kind < 95 else plain + "元"


def spell_window(d, start, end):
    s, e = clock(start), clock(end)
    return d.pick([s + "-" + e] * 4 + [
        s + "~" + e, s + "至" + e, s + " - " + e, wide(s + "-" + e), s.replace(":", "") + "-" + e.replace(":", ""), s.lstrip("0") + "-" + e])


def damage(d, reason, r):
    """The bytes of a line with that defect."""
    f = spell(d, r)
    if reason == "BAD_PHONE":
        f[2] = d.pick([r.phone[:-1], r.phone + d.digits(1), "12" + r.phone[2:], "010-6" + d.digits(7), "0" * 11,
                       r.phone[:6] + "O" + r.phone[7:], "+852 9" + d.digits(7), "无", "9.51E+10"])
    elif reason == "MISSING_FIELD":
        f[d.pick([0, 1, 2, 4, 5, 6, 7])] = d.pick(["", " ", "\u3000"])
    elif reason == "BAD_ID":
        good = r.id_number or resident_id(d)
        swapped = good[:17] + ("0" if good[17] != "0" else "1")
        impossible = good[:6] + "19900230" + good[14:17]
        f[3] = d.pick([swapped, good[:15], good[:17], impossible + check_digit(impossible), "护照E" + d.digits(8)])
    elif reason == "BAD_AMOUNT":
        f[5] = d.pick(["-" + d.digits(3), "abc", "12.345", "1.2.3", "N/A", "一百元", "1e5", "."])
    elif reason == "BAD_WINDOW":
        f[7] = d.pick(["06:00-09:00", "18:00-22:00", "12:00-09:00", "10:00-10:00", "全天", "25:00-26:00", "09:60-11:00", "9-12"])
    elif reason == "BAD_LANGUAGE":
        f[6] = d.pick(["火星语", "fr", "??", "klingon", "1"])
    elif reason == "BAD_COLUMNS":
        f = d.pick([f[:-1], f + ["x"], f[:3], ['"' + f[0]] + f[1:]])
    elif reason == "OVERLONG":
        f[1] = d.pick([r.name * 30, "长" * 51, "A" * 2000])
    elif reason == "BLANK_LINE":
        return d.pick([b"", b"   ", b"\t"])
    elif reason == "BAD_ENCODING":
        # A byte that neither encoding has, or a name of two letters cut in the
        # middle of the second.
        if d.chance(5000):
            return ",".join(f).encode().replace(b",", b"\xff\xfe,", 1)
        name = "张" + d.pick(GIVEN)
        before, after = ",".join([r.record_id, name]), ",".join([""] + f[2:])
        return before.encode()[:-1] + after.encode()
    return ",".join(f).encode()


class List:
    """The file as it grows, and what is true of it."""

    def __init__(self, seed):
        self.dice = Dice(seed)
        self.source = Source(self.dice)
        self.rejects = {reason: [] for reason, _ in DEFECTS}
        self.repaired, self.duplicate_of = [], {}
        self.accepted = []  # (line, record)
        self.standard = hashlib.sha256()

    def row(self, line):
        """The bytes of the next line."""
        d = self.dice
        reason = self._draw()
        if reason == "DUPLICATE":
            return self._duplicate(line)
        r = self.source.record()
        if reason:
            self.rejects[reason].append(line)
            return damage(d, reason, r)
        self.accepted.append((line, r))
        self.standard.update(r.standard(line).encode())
        text = ",".join(spell(d, r))
        if d.chance(GB18030) and has_han(r.name):
            self.repaired.append(line)
            # That character set has one dot and a full-width sign of its own.
            return text.replace("•", "·").replace("・", "·").replace("¥", "￥").encode("gb18030")
        return text.encode()

    def _draw(self):
        n = self.dice.below(10000)
        for reason, share in DEFECTS:
            if n < share:
                return reason if reason != "DUPLICATE" or self.accepted else None
            n -= share
        return None

    def _duplicate(self, line):
        """Somebody again, spelt otherwise; half of them far away in the file."""
        d, n = self.dice, len(self.accepted)
        near = d.chance(5000)
        first, r = self.accepted[n - 1 - d.below(min(n, 500))] if near else d.pick(self.accepted)
        again = self.source.record()
        again.campaign, again.phone, again.name = r.campaign, r.phone, r.name
        self.rejects["DUPLICATE"].append(line)
        self.duplicate_of[line] = first
        return ",".join(spell(d, again)).encode()

    def manifest(self, seed, rows, digest):
        return {
            "seed": seed, "rows": rows, "accepted": len(self.accepted),
            "calls_sha256": digest, "standard_sha256": self.standard.hexdigest(),
            "repaired": self.repaired, "rejects": self.rejects,
            "duplicate_of": {str(k): v for k, v in self.duplicate_of.items()},
        }


def has_han(name):
    """Chinese characters only: a foreign name does not come out of such systems."""
    return all("\u4e00" <= c <= "\u9fff" or c == "·" for c in name)


def generate(out, rows, seed):
    os.makedirs(out, exist_ok=True)
    calls, digest = List(seed), hashlib.sha256()
    with open(os.path.join(out, "calls.csv"), "wb") as f:
        def write(raw):
            f.write(raw)
            digest.update(raw)
        write(b"\xef\xbb\xbf" + HEADER.encode() + b"\r\n")
        for line in range(2, rows + 2):
            write(calls.row(line) + (b"\r\n" if calls.dice.chance(2000) else b"\n"))
    manifest = calls.manifest(seed, rows, digest.hexdigest())
    with open(os.path.join(out, "manifest.json"), "w") as f:
        json.dump(manifest, f)
    return manifest


def main():
    p = argparse.ArgumentParser(description="Write a call list with seeded defects, and what is true of it.")
    p.add_argument("--out", required=True, metavar="DIR")
    p.add_argument("--rows", type=int, default=200000)
    p.add_argument("--seed", type=int, default=20260101)
    a = p.parse_args()
    m = generate(a.out, a.rows, a.seed)
    print("%s: %d rows, %d of them good (%d in GB18030), %d bad" % (
        os.path.join(a.out, "calls.csv"), a.rows, m["accepted"], len(m["repaired"]),
        sum(len(v) for v in m["rejects"].values())))


if __name__ == "__main__":
    main()
