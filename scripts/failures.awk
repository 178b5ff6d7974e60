# Lists what failed in the output of "go test" for many packages: under each
# package its failed tests, each with at most HEAD first and TAIL last lines of its
# own message, and its panics, races and leaks, each with their first HEAD + TAIL;
# then all their names once more, short.
# A package's output ends with its verdict, so it is collected until then. What
# the compiler says comes when it comes, so it is collected apart.

BEGIN { HEAD = 5; TAIL = 10 }

/^(ok  |---|\?   )\t/ || /^\t[^ ]+\t+coverage: / { n = 0; next }
/^FAIL\t/ { report($2, $0); n = 0; next }
/^FAIL$/ { next }
/^# [^ ]+$/ || /^# [^ ]+ \[[^ ]+\]$/ { compiling = 1; built[++builds] = $0; next }
compiling && /^(\t|# |vet: |[^ ]+\.go:[0-9]+:)/ { built[++builds] = $0; next }
{ compiling = 0; line[++n] = $0 }

END {
	report("(no verdict)", "")
	if (builds) print "\n== does not compile"
	for (i = 1; i <= builds && i <= 30; i++) print "   " built[i]
	if (!names && !builds) {
		print "\n== no test says that it failed; the last lines:"
		for (i = n > 15 ? n - 14 : 1; i <= n; i++) print "   " line[i]
	}
	if (names) print "\n== failed:"
	for (i = 1; i <= names; i++) print "   " name[i]
}

# loose failures are told on lines that are not indented. Leaks go up to an empty
# line, races up to the line that closes them, all others on and on.
function loose(s) {
	return s ~ /^(panic: |fatal error: |SIG[A-Z]+: |goleak: |WARNING: DATA RACE)/
}
function test(s) { return s ~ /^ *--- FAIL: / }

# own tells whether s belongs to the failure that begins with first.
function own(first, s) {
	if (test(s) || loose(s)) return 0
	if (first ~ /DATA RACE/) return s !~ /^=====/
	if (first ~ /^goleak/) return s != ""
	return loose(first) || s ~ /^ /
}

function report(package, verdict,   b, i, any) {
	for (b = 1; b <= n; b = i) {
		i = b + 1
		if (!test(line[b]) && !loose(line[b])) continue
		if (!any++) print "\n== " package
		while (i <= n && own(line[b], line[i])) i++
		if (loose(line[b])) show(b, i - 1, HEAD + TAIL, 0)
		else show(b, i - 1, HEAD, TAIL)
		what = line[b]
		sub(/^ *--- FAIL: /, "", what)
		name[++names] = package ": " what
	}
	if (any || verdict == "") return
	name[++names] = package (verdict ~ / \[/ ? substr(verdict, index(verdict, " [")) : "")
	if (verdict ~ / \[/) return
	print "\n== " package
	show(n > TAIL ? n - TAIL : 1, n, HEAD, TAIL)
}

function show(b, e, head, tail,   i) {
	for (i = b; i <= e; i++) {
		if (i - b <= head || e - i < tail) print "   " line[i]
		else if (i - b == head + 1) print "   ..."
	}
}
