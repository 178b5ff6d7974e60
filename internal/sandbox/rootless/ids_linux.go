package rootless

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
)

// maxIDs is how many ids of a range are taken; more than there can be boxes.
const maxIDs = 1 << 16

// mapIDs gives the user namespace of a process a range of ids if the machine has
// set one aside for this user, and else this user's only. Either way root there is
// this user here.
func mapIDs(pid int) error {
	if mapRange(pid) == nil {
		return nil
	}
	dir := "/proc/" + strconv.Itoa(pid) + "/"
	for _, f := range [][2]string{
		{"setgroups", "deny"}, // who may leave a group could get past what it keeps out
		{"uid_map", fmt.Sprintf("0 %d 1", os.Getuid())}, {"gid_map", fmt.Sprintf("0 %d 1", os.Getgid())},
	} {
		if err := os.WriteFile(dir+f[0], []byte(f[1]), 0); err != nil {
			return err
		}
	}
	return nil
}

// mapRange has the two programs do it that may.
func mapRange(pid int) error {
	uids, err := ownRange("/etc/subuid")
	if err != nil {
		return err
	}
	gids, err := ownRange("/etc/subgid")
	if err != nil {
		return err
	}
	// The groups first: once the users are mapped nothing else is tried.
	for _, m := range []struct {
		program string
		own     int
		ids     idRange
	}{{"newgidmap", os.Getgid(), gids}, {"newuidmap", os.Getuid(), uids}} {
		//nolint:noctx // both end at once, and this process is of no use without them
		cmd := exec.Command(m.program, strconv.Itoa(pid), "0", strconv.Itoa(m.own), "1",
			"1", strconv.Itoa(m.ids.first), strconv.Itoa(m.ids.count))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", m.program, err, out)
		}
	}
	return nil
}

// idRange is a line of /etc/subuid.
type idRange struct{ first, count int }

var errNoRange = errors.New("no range is set aside for this user")

// ownRange is the largest that a file sets aside for this user.
func ownRange(file string) (idRange, error) {
	f, err := os.Open(file)
	if err != nil {
		return idRange{}, err
	}
	defer func() { _ = f.Close() }()
	id, name := strconv.Itoa(os.Getuid()), ""
	if u, err := user.LookupId(id); err == nil {
		name = u.Username
	}
	var best idRange
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if r, ok := parseRange(lines.Text(), id, name); ok && r.count > best.count {
			best = r
		}
	}
	if best.count = min(best.count, maxIDs); best.count == 0 {
		return best, fmt.Errorf("%s: %w", file, errNoRange)
	}
	return best, nil
}

// parseRange reads "name or id:first:count" if it is this user's.
func parseRange(line, id, name string) (idRange, bool) {
	fields := strings.Split(strings.TrimSpace(line), ":")
	if len(fields) != 3 || fields[0] != id && (name == "" || fields[0] != name) {
		return idRange{}, false
	}
	first, err1 := strconv.Atoi(fields[1])
	count, err2 := strconv.Atoi(fields[2])
	return idRange{first, count}, err1 == nil && err2 == nil && first > 0 && count > 0
}
