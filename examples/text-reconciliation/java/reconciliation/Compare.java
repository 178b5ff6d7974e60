package reconciliation;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/** process: compares the two sides of one shard, record by record. */
public final class Compare {
    /** A record of a side; the amount is in fen. */
    private static final class Record {
        final String key, account, amount, currency, line;

        Record(String text) {
            String[] f = text.split("\\|", -1);
            if (f.length != 5) {
                throw new IllegalArgumentException("not a record: " + text);
            }
            key = f[0];
            account = f[1];
            amount = f[2];
            currency = f[3];
            line = f[4];
        }
    }

    private final String database;
    private final BufferedWriter out;
    private final Map<String, Integer> counts = new LinkedHashMap<>();

    private Compare(String database, BufferedWriter out) {
        this.database = database;
        this.out = out;
    }

    /** Called for each shard: {"run", "database", "range"}. */
    public static Map<String, Object> handle(Map<String, Object> event) throws IOException {
        String root = System.getenv().getOrDefault("RECONCILIATION", "/mnt/reconciliation");
        Path run = Paths.get(root, "work", (String) event.get("run"));
        String shard = event.get("database") + "-" + event.get("range");
        Map<String, Object> answer = new LinkedHashMap<>(compare(run, (String) event.get("database"), shard));
        System.out.println("shard " + shard + ": " + answer);
        answer.put("shard", shard);
        return answer;
    }

    /** Compares a shard of a run and writes its differences. */
    static Map<String, Integer> compare(Path run, String database, String shard) throws IOException {
        Path folder = run.resolve("findings");
        Path part = folder.resolve(shard + "." + ProcessHandle.current().pid() + ".part");
        Compare c;
        try (BufferedWriter out = Files.newBufferedWriter(part)) {
            c = new Compare(database, out);
            c.sides(run.resolve("left").resolve(shard + ".txt"), run.resolve("right").resolve(shard + ".txt"));
        }
        Files.setPosixFilePermissions(part, PosixFilePermissions.fromString("rw-rw-rw-"));
        Files.move(part, folder.resolve(shard + ".txt"), StandardCopyOption.ATOMIC_MOVE);
        return c.counts;
    }

    private void sides(Path left, Path right) throws IOException {
        Map<String, Record> open = new LinkedHashMap<>();
        int records = 0;
        try (BufferedReader in = Files.newBufferedReader(left)) {
            for (String text; (text = in.readLine()) != null; records++) {
                Record r = new Record(text);
                if (open.putIfAbsent(r.key, r) != null) {
                    report("DUPLICATE", "left", r.key, r.line, r.amount, "");
                }
            }
        }
        Set<String> seen = new HashSet<>();
        try (BufferedReader in = Files.newBufferedReader(right)) {
            for (String text; (text = in.readLine()) != null; records++) {
                Record b = new Record(text);
                if (!seen.add(b.key)) {
                    report("DUPLICATE", "right", b.key, b.line, "", b.amount);
                    continue;
                }
                Record a = open.remove(b.key);
                if (a == null) {
                    report("MISSING", "left", b.key, b.line, "", b.amount);
                    continue;
                }
                differs("AMOUNT", a, a.amount, b.amount);
                differs("ACCOUNT", a, a.account, b.account);
                differs("CURRENCY", a, a.currency, b.currency);
            }
        }
        for (Record a : open.values()) {
            report("MISSING", "right", a.key, a.line, a.amount, "");
        }
        counts.put("records", records);
    }

    private void differs(String field, Record a, String left, String right) throws IOException {
        if (!left.equals(right)) {
            report(field + "_DIFFERS", "", a.key, a.line, left, right);
        }
    }

    private void report(String kind, String side, String key, String line, String left, String right) throws IOException {
        out.write(String.join("|", kind, side, database, key, line, left, right));
        out.write('\n');
        counts.merge("differences", 1, Integer::sum);
    }

    /** Compares without a platform: FOLDER-OF-A-RUN DATABASE-RANGE... */
    public static void main(String[] args) throws IOException {
        for (int i = 1; i < args.length; i++) {
            compare(Paths.get(args[0]), args[i].substring(0, args[i].lastIndexOf('-')), args[i]);
        }
    }
}
