"""What all formats share: records go to the shard of their database and range of
keys, what is wrong with a line goes to the findings."""

import os

import place


class Shards:
    def __init__(self, event):
        self.run, self.side = event["run"], event["statement"]["side"]
        self.ranges, (self.low, self.high) = event["ranges"], event["keyRange"]
        self.span = 10 ** (self.high - self.low)
        self.rows = {(d, r): [] for d in event["databases"] for r in range(self.ranges)}
        self.findings = []
        self.good = self.total = 0

    def add(self, line, key, account, database, amount, currency):
        """Takes a record; amount is in fen."""
        rows = self.rows.get((database, int(key[self.low:self.high]) * self.ranges // self.span))
        if rows is None:
            self.bad(line, "BAD_DATABASE")
            return
        rows.append("%s|%s|%d|%s|%d\n" % (key, account, amount, currency, line))
        self.good += 1
        self.total += amount

    def bad(self, line, reason):
        self.findings.append("BAD_RECORD|%s|||%d|%s|\n" % (self.side, line, reason))

    def control(self, what, declared, found):
        if declared != found:
            self.findings.append("CONTROL|%s||%s||%d|%d\n" % (self.side, what, declared, found))

    def write(self):
        folder = place.folder(self.run, self.side)
        for (database, n), rows in self.rows.items():
            with place.whole(os.path.join(folder, "%s-%d.txt" % (database, n)), encoding="utf-8") as f:
                f.writelines(rows)
        found = place.folder(self.run, "findings")
        with place.whole(os.path.join(found, self.side + ".txt"), encoding="utf-8") as f:
            f.writelines(self.findings)
        print(self.side, "has", self.good, "records,", len(self.findings), "findings")
        return {"side": self.side, "records": self.good, "total": self.total, "findings": len(self.findings)}


def lines_of(event):
    """The lines of a fetched statement as bytes, numbered from 1."""
    with open(os.path.join(place.folder(event["run"]), event["statement"]["side"] + ".raw"), "rb") as f:
        text = f.read()
    lines = text.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    return lines
