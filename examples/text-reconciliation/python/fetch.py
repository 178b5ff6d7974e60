"""fetch: brings a statement to where the run works on it, and makes sure that it
is the one that was announced."""

import hashlib
import os

import place


def handler(event, context):
    source = event["statement"]["source"]
    to = os.path.join(place.folder(event["run"]), event["statement"]["side"] + ".raw")
    digest, size = hashlib.sha256(), 0
    with open(place.within(source["file"]), "rb") as f, place.whole(to, "wb") as copy:
        while block := f.read(1 << 20):
            digest.update(block)
            size += len(block)
            copy.write(block)
    if source.get("sha256") not in (None, digest.hexdigest()):
        raise ValueError("%s is not what was announced: its digest is %s" % (source["file"], digest.hexdigest()))
    if size == 0:
        raise ValueError("%s is empty" % source["file"])
    print("fetched", source["file"], size, "bytes")
    return {"bytes": size, "sha256": digest.hexdigest()}
