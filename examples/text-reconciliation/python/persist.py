"""persist: puts what was found into a database, in one transaction. Done again
for the same run, it comes to the same."""

import contextlib
import os
import sqlite3

import place


def handler(event, context):
    run, folder = event["run"], place.folder(event["run"], "findings")
    files = sorted(f for f in os.listdir(folder) if f.endswith(".txt"))
    if len(files) != event["shards"] + event["statements"]:
        raise ValueError("%d shards and %d statements were compared, but there are %d files of findings"
                         % (event["shards"], event["statements"], len(files)))
    rows = []
    for name in files:
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            rows += [(run, *line.rstrip("\n").split("|")) for line in f]
    with contextlib.closing(sqlite3.connect(os.path.join(place.ROOT, "reconciliation.db"), timeout=30)) as db, db:
        db.execute("CREATE TABLE IF NOT EXISTS difference (run TEXT NOT NULL, %s)" % ", ".join(c + " TEXT NOT NULL" for c in place.REPORT))
        db.execute("CREATE INDEX IF NOT EXISTS difference_run ON difference (run)")
        db.execute("DELETE FROM difference WHERE run = ?", (run,))
        db.executemany("INSERT INTO difference VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        kinds = dict(db.execute("SELECT kind, count(*) FROM difference WHERE run = ? GROUP BY kind ORDER BY kind", (run,)))
    print("run", run, "has", len(rows), "differences")
    return {"differences": len(rows), "kinds": kinds}
