package invoke

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// maxHops is how often a function may run in one chain of invocations.
const maxHops = 16

// maxLineage is how many functions of a chain are counted, the last ones.
const maxLineage = 32

// lineageField begins the part of a trace header that counts how often each
// function of a chain ran: Lineage=HASH:COUNT|HASH:COUNT. The SDKs hand the
// header on from the function's environment, and so does ebb with what follows
// from an invocation.
const lineageField = "Lineage="

// rootField begins the part that names the trace.
const rootField = "Root="

// hop counts one more run of inv's function in the chain that its trace header
// names, and begins a trace where there is none. mine is the function's
// lineageHash. It refuses the run that would be one too many, unless loops are
// allowed.
func hop(inv *ebb.Invocation, mine string, loops bool) error {
	if strings.HasPrefix(inv.TraceID, rootField) && strings.IndexByte(inv.TraceID, ';') < 0 { // new: the first of its chain
		inv.TraceID += ";" + lineageField + mine + ":1"
		return nil
	}
	fields := strings.Split(inv.TraceID, ";")
	if inv.TraceID == "" || !strings.Contains(inv.TraceID, rootField) {
		fields = append([]string{newRoot(inv.ID), "Sampled=0"}, lineageOf(fields)...)
	}
	var chain []string
	kept := fields[:0]
	count := 0
	for _, f := range fields {
		f = strings.TrimSpace(f)
		list, ok := strings.CutPrefix(f, lineageField)
		if !ok {
			if f != "" {
				kept = append(kept, f)
			}
			continue
		}
		for _, entry := range strings.Split(list, "|") {
			hash, n, ok := strings.Cut(entry, ":")
			if !ok {
				continue
			}
			if hash == mine {
				count, _ = strconv.Atoi(n) // what is no number was not written here
				continue
			}
			chain = append(chain, entry)
		}
	}
	if count >= maxHops && !loops {
		return ebb.Errorf(ebb.Invalid, ebb.TypeRecursiveInvocation,
			"Lambda has detected that function %s is being invoked in a recursive loop, and has stopped it after %d runs in one chain",
			inv.Name, count)
	}
	if len(chain) >= maxLineage {
		chain = chain[len(chain)-maxLineage+1:]
	}
	chain = append(chain, mine+":"+strconv.Itoa(min(max(count, 0), 1<<20)+1))
	inv.TraceID = strings.Join(append(kept, lineageField+strings.Join(chain, "|")), ";")
	return nil
}

// lineageOf keeps the lineage of a header that has no root.
func lineageOf(fields []string) []string {
	for _, f := range fields {
		if strings.HasPrefix(strings.TrimSpace(f), lineageField) {
			return []string{f}
		}
	}
	return nil
}

func lineageHash(key ebb.FunctionKey) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key.Service))
	_, _ = h.Write([]byte{':'})
	_, _ = h.Write([]byte(key.Name))
	return fmt.Sprintf("%08x", h.Sum32())
}

// newRoot begins a trace, out of the digits of a request id: those are as good
// as random and there already.
func newRoot(id ebb.InvocationID) string {
	const digits = 24
	hex := make([]byte, 0, digits)
	for i := len(id) - 1; i >= 0 && len(hex) < digits; i-- {
		if c := id[i]; c >= '0' && c <= '9' || c >= 'a' && c <= 'f' {
			hex = append(hex, c)
		}
	}
	for len(hex) < digits {
		hex = append(hex, '0')
	}
	return fmt.Sprintf(rootField+"1-%08x-%s", uint32(time.Now().Unix()), hex)
}
