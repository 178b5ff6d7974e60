"""Second function: put one shard together from all chunks.

Event:   {"shard": 3, "parts": [PARCEL of CSV rows, …]} with parts in file order
Answer:  {"shard": 3, "accepted": n, "rejected": n,
          "rows": PARCEL of CSV rows, "rejects": PARCEL of CSV rows}

The same number is called once per campaign; the first line of the file wins.
Equal phones are always in one shard, so that here, and only here, all duplicates
can be seen.
"""

import csv
import io

import parcel
from record import OUTPUT

PHONE, CAMPAIGN, RECORD = OUTPUT.index("phone"), OUTPUT.index("campaign"), OUTPUT.index("record_id")


def handler(event, context):
    rows, rejects = io.StringIO(), io.StringIO()
    row_writer = csv.writer(rows, lineterminator="\n")
    reject_writer = csv.writer(rejects, lineterminator="\n")
    seen, rejected = {}, 0
    for part in event["parts"]:
        for row in csv.reader(io.StringIO(parcel.unpack(part).decode())):
            first = seen.setdefault((row[CAMPAIGN], row[PHONE]), row[0])
            if first == row[0]:
                row_writer.writerow(row)
            else:
                rejected += 1
                reject_writer.writerow([row[0], "DUPLICATE", "phone", "same campaign and phone as line " + first, row[RECORD]])
    print("shard %s: %d rows of %d parts, %d duplicates" % (event["shard"], len(seen), len(event["parts"]), rejected))
    return {
        "shard": event["shard"],
        "accepted": len(seen),
        "rejected": rejected,
        "rows": parcel.pack(rows.getvalue().encode()),
        "rejects": parcel.pack(rejects.getvalue().encode()),
    }
