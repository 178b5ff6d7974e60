"""Writes two statements of the same day, and the list of the differences that
were put into them.

    core.txt       GB18030, fields parted by |, a header line
    clearing.dat   ASCII, records of 64 bytes, a header and a trailer with control totals
    seeded.csv     every row that a reconciliation must report, and no other
    request.json   the input of the workflow

Nobody is meant by any record. The same seed gives the same files.
"""

import argparse
import csv
import json
import os
import random

DATABASES = ["A1", "A2", "B1", "B2"]
RANGES = 4
DAY = "20261122"
REPORT = ["kind", "side", "database", "key", "line", "left", "right"]

# The second byte of the last two is that of |: who splits before decoding loses
# the columns.
SURNAMES = ["王", "李", "张", "刘", "陈", "欧阳", "㐂", "𠮷", b"\x8b\x7c".decode("gb18030"), b"\xad\x7c".decode("gb18030")]
GIVEN = ["伟", "芳", "娜", "秀英", "敏", "静", "强", "磊", "洋", "艳"]


class Day:
    """What both sides know of a day, before anything goes wrong with it."""

    def __init__(self, seed, lines):
        self.random = random.Random(seed)
        numbers = self.random.sample(range(10**10), lines)
        self.records = [self.record(n) for n in numbers]
        self.left, self.right = list(self.records), list(self.records)
        self.rows = []  # of seeded.csv, as functions of the final line numbers
        self.declared = [0, 0]  # what the control totals say too much

    def record(self, number):
        r = self.random
        return {
            "key": "261122%010d" % number, "account": "6222%015d" % r.randrange(10**15), "database": r.choice(DATABASES),
            "amount": r.randrange(1, 10**r.randrange(3, 10)), "currency": "CNY" if r.random() < 0.97 else "USD",
            "name": r.choice(SURNAMES) + r.choice(GIVEN),
        }

    def seed(self, each):
        """Puts `each` defects of every kind into the two sides."""
        places = iter(self.random.sample(range(len(self.records)), each * 12))
        for _ in range(each):
            for defect in (self.only_left, self.only_right, self.moved, self.amount, self.account, self.currency,
                           self.twice_left, self.twice_right, self.bad_left, self.bad_left, self.bad_right, self.bad_right):
                defect(next(places))
        self.declared = [self.random.choice([-1, 1]), self.random.choice([-1, 1]) * self.random.randrange(1, 10**6)]

    def other(self, side, at, **change):
        changed = dict(self.records[at], **change)
        getattr(self, side)[at] = changed
        return changed

    def missing(self, side, r, at):
        amounts = ("", r["amount"]) if side == "left" else (r["amount"], "")
        self.rows.append(("MISSING", side, r["database"], r["key"], ("right" if side == "left" else "left", at), *amounts))

    def only_left(self, at):
        self.missing("right", self.records[at], at)
        self.right[at] = None

    def only_right(self, at):
        self.missing("left", self.records[at], at)
        self.left[at] = None

    def moved(self, at):
        self.missing("right", self.records[at], at)
        databases = [d for d in DATABASES if d != self.records[at]["database"]]
        self.missing("left", self.other("right", at, database=self.random.choice(databases)), at)

    def differs(self, at, field, value):
        have = self.records[at]
        self.other("right", at, **{field: value})
        self.rows.append((field.upper() + "_DIFFERS", "", have["database"], have["key"], ("left", at), have[field], value))

    def amount(self, at):
        self.differs(at, "amount", self.records[at]["amount"] + self.random.choice([1, 100, 9900]))

    def account(self, at):
        have = self.records[at]["account"]
        self.differs(at, "account", have[:-1] + str((int(have[-1]) + 1) % 10))

    def currency(self, at):
        self.differs(at, "currency", "EUR")

    def twice(self, side, at):
        r = self.records[at]
        records = getattr(self, side)
        records.append(dict(r))
        amounts = (r["amount"], "") if side == "left" else ("", r["amount"])
        self.rows.append(("DUPLICATE", side, r["database"], r["key"], (side, len(records) - 1), *amounts))

    def twice_left(self, at):
        self.twice("left", at)

    def twice_right(self, at):
        self.twice("right", at)

    def bad(self, side, at, reason):
        self.other(side, at, bad=reason)
        self.rows.append(("BAD_RECORD", side, "", "", (side, at), reason, ""))
        other = "right" if side == "left" else "left"
        self.rows.append(("MISSING", side, self.records[at]["database"], self.records[at]["key"], (other, at),
                          *(("", self.records[at]["amount"]) if side == "left" else (self.records[at]["amount"], ""))))

    def bad_left(self, at):
        self.bad("left", at, self.random.choice(["BAD_ENCODING", "BAD_COLUMNS", "BAD_AMOUNT"]))

    def bad_right(self, at):
        self.bad("right", at, self.random.choice(["BAD_LENGTH", "BAD_AMOUNT", "BAD_DATABASE"]))

    def shuffled(self, side):
        """The side's records in an order of its own, and where each came to be.
        A repeated record stays behind the first."""
        records = getattr(self, side)
        order = [i for i in range(len(self.records)) if records[i] is not None]
        self.random.shuffle(order)
        order += range(len(self.records), len(records))
        return [records[i] for i in order], {i: line for line, i in enumerate(order, 2)}  # line 1 is the header


def core_line(r, rand):
    """A line of core.txt."""
    yuan, fen = divmod(r["amount"], 100)
    amount = ("{:,}.{:02d}" if rand.random() < 0.3 else "{}.{:02d}").format(yuan, fen)
    fields = [r["key"], r["name"], r["account"], r["database"], amount, r["currency"], DAY]
    bad = r.get("bad")
    if bad == "BAD_AMOUNT":
        fields[4] = amount.replace(".", "..")
    if bad == "BAD_COLUMNS":
        fields.pop(2)
    line = "|".join(fields).encode("gb18030")
    return line.replace(b"|", b"|\xff", 1) if bad == "BAD_ENCODING" else line


def clearing_line(r):
    """A record of clearing.dat."""
    amount = "%015d" % r["amount"]
    bad = r.get("bad")
    if bad == "BAD_AMOUNT":
        amount = amount[:-1] + "X"
    database = "ZZ" if bad == "BAD_DATABASE" else r["database"]
    line = "D" + r["key"] + r["account"] + database + amount + r["currency"] + DAY
    return (line[:-3] if bad == "BAD_LENGTH" else line).encode("ascii")


def write(out, seed, lines, each):
    day = Day(seed, lines)
    day.seed(each)
    os.makedirs(os.path.join(out, "inbox"), exist_ok=True)
    left, left_at = day.shuffled("left")
    right, right_at = day.shuffled("right")
    with open(os.path.join(out, "inbox", "core.txt"), "wb") as f:
        f.write("流水号|姓名|账号|库|金额|币种|日期\n".encode("gb18030"))
        f.write(b"".join(core_line(r, day.random) + b"\n" for r in left))
    true = [len(right), sum(r["amount"] for r in right)]
    found = [len(right), sum(r["amount"] for r in right if "bad" not in r)]
    declared = [t + d for t, d in zip(true, day.declared)]
    with open(os.path.join(out, "inbox", "clearing.dat"), "wb") as f:
        f.write(("H" + DAY + "CLEARINGHSE").ljust(64).encode("ascii") + b"\n")
        f.write(b"".join(clearing_line(r) + b"\n" for r in right))
        f.write(("T%010d%018d" % tuple(declared)).ljust(64).encode("ascii") + b"\n")
    at = {"left": left_at, "right": right_at}
    rows = [(k, s, d, key, at[where[0]][where[1]], a, b) for k, s, d, key, where, a, b in day.rows]
    for name, says, is_ in zip(("COUNT", "TOTAL"), declared, found):
        if says != is_:
            rows.append(("CONTROL", "right", "", name, "", says, is_))
    with open(os.path.join(out, "seeded.csv"), "w", encoding="utf-8", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(REPORT)
        w.writerows(sorted(tuple(map(str, row)) for row in rows))
    with open(os.path.join(out, "request.json"), "w", encoding="utf-8") as f:
        json.dump(request(), f, ensure_ascii=False, indent=2)
    return len(left), len(right), len(rows)


def request():
    """The workflow's input: which functions do the steps, and how."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "event.json"), encoding="utf-8") as f:
        return json.load(f)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Writes two statements with seeded differences.")
    parser.add_argument("--out", required=True, help="folder to write to")
    parser.add_argument("--lines", type=int, default=200000, help="records of a day")
    parser.add_argument("--each", type=int, default=20, help="defects of each kind")
    parser.add_argument("--seed", type=int, default=1)
    a = parser.parse_args()
    print("%d and %d records, %d differences" % write(a.out, a.seed, a.lines, a.each))
