"""process: reads a statement whose fields are parted by a character, in any
encoding. Lines are decoded before they are split: in GB18030 the second byte of
a character may be that of the delimiter."""

import shards


def fen(text):
    """1,234.50 is 123450."""
    yuan, dot, cents = text.replace(",", "").partition(".")
    if not dot or len(cents) != 2 or not (yuan + cents).isascii() or not (yuan + cents).isdigit():
        raise ValueError(text)
    return int(yuan + cents)


def handler(event, context):
    f = event["statement"]["format"]
    at = f["fields"]
    key, account, database, amount, currency = (at[n] for n in ("key", "account", "database", "amount", "currency"))
    out = shards.Shards(event)
    for number, line in enumerate(shards.lines_of(event), 1):
        if number == 1 and f.get("header"):
            continue
        try:
            fields = line.decode(f["encoding"]).split(f["delimiter"])
        except UnicodeDecodeError:
            out.bad(number, "BAD_ENCODING")
            continue
        if len(fields) != f["columns"]:
            out.bad(number, "BAD_COLUMNS")
            continue
        try:
            value = fen(fields[amount])
        except ValueError:
            out.bad(number, "BAD_AMOUNT")
            continue
        out.add(number, fields[key], fields[account], fields[database], value, fields[currency])
    return out.write()
