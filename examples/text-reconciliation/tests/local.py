"""Runs the steps without a platform: local.py FOLDER PYTHON CLASSES. FOLDER is
what generate.py wrote, PYTHON the folder of the functions, CLASSES that of
Compare."""

import json
import os
import subprocess
import sys

root, functions, classes = sys.argv[1:]
os.environ["RECONCILIATION"] = os.path.abspath(root)
sys.path.insert(0, functions)

import answer  # noqa: E402
import delimited  # noqa: E402
import fetch  # noqa: E402
import fixed  # noqa: E402
import persist  # noqa: E402

with open(os.path.join(root, "request.json"), encoding="utf-8") as f:
    request = json.load(f)
run = "local"
process = {"reconcile-delimited": delimited, "reconcile-fixed": fixed}
for statement in request["statements"]:
    event = dict(request, run=run, statement=statement)
    fetch.handler(event, None)
    process[statement["process"]].handler(event, None)
shards = ["%s-%d" % (d, r) for d in request["databases"] for r in range(request["ranges"])]
subprocess.run(["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classes, "reconciliation.Compare",
                os.path.join(root, "work", run)] + shards, check=True)
persist.handler({"run": run, "shards": len(shards), "statements": len(request["statements"])}, None)
print(json.dumps(answer.handler({"run": run}, None)))
