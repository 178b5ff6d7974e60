"""First function: standardise one chunk of a call list and split it into shards.

Event:   {"first_line": 2, "shards": 16, "lines": PARCEL of the raw lines}
Answer:  {"lines": n, "accepted": n, "rejected": n, "repaired": [line, …],
          "shards": {"0": PARCEL of CSV rows, …}, "rejects": PARCEL of CSV rows}

Many chunks are worked on at the same time, each by an instance of its own, so
nothing here knows more than its chunk. Duplicates are left to merge.py, which
sees one whole shard: the first of two in this chunk may repeat a line of another
chunk, and then is not the one to name in the report.
"""

import csv
import io
import zlib

import parcel
import record


def handler(event, context):
    raw = parcel.unpack(event["lines"])
    chunk = Chunk(int(event["shards"]))
    lines = raw.split(b"\n")
    if lines and not lines[-1]:
        lines.pop()  # the text ends with a line end
    number = int(event["first_line"])
    for line in lines:
        chunk.add(number, line[:-1] if line.endswith(b"\r") else line)
        number += 1
    print("lines %d to %d: %d accepted, %d rejected, %d repaired" % (
        event["first_line"], number - 1, chunk.accepted, chunk.rejected, len(chunk.repaired)))
    return chunk.answer()


class Chunk:
    def __init__(self, shards):
        self.lines = self.accepted = self.rejected = 0
        self.repaired = []
        self._count = shards
        self._shards = {}
        self._rejects = io.StringIO()
        self._reject = csv.writer(self._rejects, lineterminator="\n")

    def add(self, number, line):
        self.lines += 1
        try:
            row, repaired = record.parse(line)
        except record.Reject as r:
            self.rejected += 1
            self._reject.writerow([number, r.reason, r.field, r.detail, r.record_id])
            return
        self.accepted += 1
        if repaired:
            self.repaired.append(number)
        self._writer(row[2]).writerow([number] + row)

    def _writer(self, phone):
        shard = shard_of(phone, self._count)
        if shard not in self._shards:
            out = io.StringIO()
            self._shards[shard] = out, csv.writer(out, lineterminator="\n")
        return self._shards[shard][1]

    def answer(self):
        return {
            "lines": self.lines,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "repaired": self.repaired,
            "shards": {str(n): parcel.pack(out.getvalue().encode()) for n, (out, _) in self._shards.items()},
            "rejects": parcel.pack(self._rejects.getvalue().encode()),
        }


def shard_of(phone, shards):
    """All records of one person are in one shard, whatever the campaign."""
    return zlib.crc32(phone.encode()) % shards
