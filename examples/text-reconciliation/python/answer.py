"""return: writes the result of a run for whoever asked for it."""

import contextlib
import csv
import hashlib
import os
import sqlite3

import place


def handler(event, context):
    run = event["run"]
    folder = os.path.join(place.ROOT, "outbox")
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, run + ".csv")
    with contextlib.closing(sqlite3.connect(os.path.join(place.ROOT, "reconciliation.db"), timeout=30)) as db:
        rows = db.execute("SELECT %s FROM difference WHERE run = ? ORDER BY kind, side, database, key, line" % ", ".join(place.REPORT), (run,)).fetchall()
    with place.whole(path, encoding="utf-8", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(place.REPORT)
        w.writerows(rows)
    with open(path, "rb") as f:
        digest = hashlib.sha256(f.read()).hexdigest()
    return {"file": "outbox/%s.csv" % run, "sha256": digest, "differences": len(rows)}
