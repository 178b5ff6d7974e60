"""Makes a database look as if a later ebb had written it."""
import sqlite3
import sys

db = sqlite3.connect(sys.argv[1])
db.execute("INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES (9999, 1, '2030-01-01 00:00:00')")
db.execute("UPDATE schema_floor SET floor = 9999")  # and as if it had taken away what this one needs
db.commit()
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
db.close()
