"""Makes a database look as if a later ebb had written it."""
import sqlite3
import sys

db = sqlite3.connect(sys.argv[1])
db.execute("INSERT INTO goose_db_version (version_id, is_applied, tstamp) VALUES (9999, 1, '2030-01-01 00:00:00')")
db.commit()
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
db.close()
