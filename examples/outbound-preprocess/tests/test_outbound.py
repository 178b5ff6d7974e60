"""Run by outbound_test.go, or: python3 -m unittest discover -s tests"""

import csv
import hashlib
import io
import json
import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "function"), os.path.join(HERE, "..")]

import generate  # noqa: E402
import merge  # noqa: E402
import parcel  # noqa: E402
import preprocess  # noqa: E402
import record  # noqa: E402

GOOD = ["R1", "张伟", "13800138000", "", "LOAN", "12.30", "普通话", "09:00-12:00"]


def line(**changed):
    row = dict(zip(record.COLUMNS, GOOD), **changed)
    return ",".join(row[c] for c in record.COLUMNS)


def parse(raw):
    return record.parse(raw if isinstance(raw, bytes) else raw.encode())


class RecordTest(unittest.TestCase):
    def rejected(self, reason, raw, field=None):
        with self.assertRaises(record.Reject) as caught:
            parse(raw)
        self.assertEqual(caught.exception.reason, reason)
        if field:
            self.assertEqual(caught.exception.field, field)
        return caught.exception

    def test_standard_form(self):
        row, repaired = parse(line())
        self.assertEqual(row, ["R1", "张伟", "+8613800138000", "", "LOAN", "1230", "zh-CN", "09:00", "12:00"])
        self.assertFalse(repaired)

    def test_phone_spellings(self):
        for text in ["13800138000", "+86 138 0013 8000", "0086-138-0013-8000", "8613800138000", "(+86)13800138000",
                     "１３８００１３８０００"]:
            self.assertEqual(parse(line(phone=text))[0][2], "+8613800138000", text)

    def test_bad_phones(self):
        for text in ["1380013800", "138001380001", "12800138000", "010-62345678", "1380013800O", "+852 91234567", "无",
                     "١٣٨٠٠١٣٨٠٠٠"]:
            self.rejected("BAD_PHONE", line(phone=text), "phone")

    def test_the_report_does_not_repeat_a_phone(self):
        self.assertNotIn("1380013800", self.rejected("BAD_PHONE", line(phone="1380013800")).detail)

    def test_amounts(self):
        for text, fen in [("0", "0"), ("12", "1200"), ("12.3", "1230"), ("１２.３０", "1230"), ("12.30元", "1230"),
                          ('"¥1,234,567.89"', "123456789"), ('"￥1,234.50"', "123450")]:
            self.assertEqual(parse(line(amount=text))[0][5], fen, text)
        for text in ["-1", "abc", "1.234", "1e5", ".", "一百元", "NaN", "1.2.3"]:
            self.rejected("BAD_AMOUNT", line(amount=text), "amount")

    def test_windows(self):
        for text in ["09:00-12:00", "9:00~12:00", "0900-1200", "09:00至12:00", "０９：００－１２：００"]:
            self.assertEqual(parse(line(window=text))[0][7:], ["09:00", "12:00"], text)
        for text in ["07:59-09:00", "20:00-21:01", "12:00-12:00", "13:00-12:00", "09:60-11:00", "全天"]:
            self.rejected("BAD_WINDOW", line(window=text), "window")

    def test_resident_ids(self):
        body = "99000019900307123"
        good = body + generate.check_digit(body)
        self.assertEqual(parse(line(id_number=good))[0][3], good[-4:])
        wrong = body + ("0" if good[17] != "0" else "1")
        no_day = "99000019900230123"
        for text in [wrong, good[:15], no_day + generate.check_digit(no_day), "E12345678"]:
            self.rejected("BAD_ID", line(id_number=text), "id_number")

    def test_missing_fields(self):
        for column in record.COLUMNS:
            if column not in record.OPTIONAL:
                self.rejected("MISSING_FIELD", line(**{column: " "}), column)

    def test_columns_and_lengths(self):
        self.rejected("BAD_COLUMNS", line() + ",x")
        self.rejected("BAD_COLUMNS", '"' + line())
        self.rejected("OVERLONG", line(name="长" * 51), "name")
        self.rejected("OVERLONG", line(name="A" * 2000), "line")
        self.rejected("BLANK_LINE", b"  ")

    def test_gb18030_is_repaired(self):
        for name in ["张伟", "欧阳建国", "买买提·吐尔逊"]:
            row, repaired = parse(line(name=name).encode("gb18030"))
            self.assertEqual((row[1], repaired), (name, True))

    def test_gb18030_that_passes_for_utf8_is_repaired(self):
        raw = line(name="谢伟", language="zh").encode("gb18030")
        raw.decode("utf-8")  # this is why it is hard
        row, repaired = parse(raw)
        self.assertEqual((row[1], repaired), ("谢伟", True))

    def test_foreign_names_are_left_alone(self):
        for name in ["José García", "Müller", "Ngô Thị Mai", "买买提·吐尔逊"]:
            row, repaired = parse(line(name=name))
            self.assertEqual((row[1], repaired), (name, False))

    def test_damaged_text_is_refused(self):
        self.rejected("BAD_ENCODING", line().encode().replace("张".encode(), b"\xff\xfe"))
        self.rejected("BAD_ENCODING", line().encode().replace("伟".encode(), "伟".encode()[:-1]))


def run(lines, size, shards=4):
    """The whole of it, as the coordinator does."""
    answers = []
    for at in range(0, len(lines), size):
        text = b"".join(lines[at:at + size])
        answers.append(preprocess.handler({"first_line": at + 2, "shards": shards, "lines": parcel.pack(text)}, None))
    merged = []
    for shard in range(shards):
        parts = [a["shards"][str(shard)] for a in answers if str(shard) in a["shards"]]
        merged.append(merge.handler({"shard": shard, "parts": parts}, None))
    rows = sorted(table(a["rows"] for a in merged), key=lambda r: int(r[0]))
    rejects = sorted(table(a["rejects"] for a in answers + merged), key=lambda r: int(r[0]))
    return rows, rejects, sorted(n for a in answers for n in a["repaired"])


def table(parcels):
    return [row for p in parcels for row in csv.reader(io.StringIO(parcel.unpack(p).decode()))]


class WholeTest(unittest.TestCase):
    def setUp(self):
        self._stdout, sys.stdout = sys.stdout, io.StringIO()

    def tearDown(self):
        sys.stdout = self._stdout

    def test_duplicates_within_and_across_chunks(self):
        lines = [line(record_id="R%d" % i, phone=p).encode() + b"\n"
                 for i, p in enumerate(["13800138000", "+8613800138000", "13900139000", "138-0013-8000"])]
        lines.append(line(campaign="OTHER").encode() + b"\r\n")
        for size in (1, 2, 5):
            rows, rejects, _ = run(lines, size)
            self.assertEqual([r[0] for r in rows], ["2", "4", "6"], size)
            self.assertEqual([(r[0], r[1], r[3]) for r in rejects], [
                ("3", "DUPLICATE", "same campaign and phone as line 2"),
                ("5", "DUPLICATE", "same campaign and phone as line 2")], size)

    def test_a_duplicate_names_the_first_line_also_from_within_a_later_chunk(self):
        lines = [line(record_id="R%d" % i, phone=p).encode() + b"\n"
                 for i, p in enumerate(["13800138000", "13900139000", "13800138000", "13800138000"])]
        _, rejects, _ = run(lines, 2)
        self.assertEqual([(r[0], r[3]) for r in rejects], [
            ("4", "same campaign and phone as line 2"), ("5", "same campaign and phone as line 2")])

    def test_one_person_is_in_one_shard(self):
        lines = [line(campaign="C%d" % i).encode() + b"\n" for i in range(20)]
        answer = preprocess.handler({"first_line": 2, "shards": 8, "lines": parcel.pack(b"".join(lines))}, None)
        self.assertEqual(len(answer["shards"]), 1)

    def test_every_seeded_defect_is_found_and_nothing_else(self):
        with tempfile.TemporaryDirectory() as out:
            generate.generate(out, 6000, 7)
            with open(os.path.join(out, "calls.csv"), "rb") as f:
                lines = f.readlines()[1:]
            with open(os.path.join(out, "manifest.json")) as f:
                manifest = json.load(f)
        rows, rejects, repaired = run(lines, 700)
        got = {reason: [] for reason in manifest["rejects"]}
        for r in rejects:
            got[r[1]].append(int(r[0]))
        self.assertEqual(got, manifest["rejects"])
        self.assertTrue(all(manifest["rejects"].values()), "a kind of defect was not seeded at all")
        self.assertEqual(repaired, manifest["repaired"])
        for r in rejects:
            if r[1] == "DUPLICATE":
                self.assertTrue(r[3].endswith(" line %d" % manifest["duplicate_of"][r[0]]), r)
        standard = "".join(",".join(r) + "\n" for r in rows).encode()
        self.assertEqual(hashlib.sha256(standard).hexdigest(), manifest["standard_sha256"])

    def test_the_same_seed_gives_the_same_file(self):
        with tempfile.TemporaryDirectory() as a, tempfile.TemporaryDirectory() as b:
            self.assertEqual(generate.generate(a, 500, 3), generate.generate(b, 500, 3))
            self.assertNotEqual(generate.generate(a, 500, 4)["calls_sha256"], generate.generate(b, 500, 3)["calls_sha256"])


if __name__ == "__main__":
    unittest.main()
