"""process: reads a statement of records of one length, and checks it against the
control totals in its trailer."""

import shards


def handler(event, context):
    f = event["statement"]["format"]
    encoding, length, record = f["encoding"], f["length"], f["record"]
    fields = [slice(*f["fields"][n]) for n in ("key", "account", "database", "amount", "currency")]
    out = shards.Shards(event)
    count, trailer = 0, None
    for number, line in enumerate(shards.lines_of(event), 1):
        text = line.decode(encoding)
        if text[:1] == f["header"]:
            continue
        if text[:1] == f["trailer"]["record"]:
            trailer = text
            continue
        if text[:1] == record:
            count += 1
        if text[:1] != record or len(line) != length:
            out.bad(number, "BAD_LENGTH")
            continue
        key, account, database, amount, currency = (text[s] for s in fields)
        if not amount.isdigit():
            out.bad(number, "BAD_AMOUNT")
            continue
        out.add(number, key, account, database, int(amount), currency)
    if trailer is None:
        raise ValueError("the statement has no trailer: it is not whole")
    out.control("COUNT", int(trailer[slice(*f["trailer"]["count"])]), count)
    out.control("TOTAL", int(trailer[slice(*f["trailer"]["total"])]), out.total)
    return out.write()
