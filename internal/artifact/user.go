package artifact

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Bounds of an image's passwd and group.
const (
	maxAccounts = 1 << 20 // bytes of each
	maxGroups   = 256     // that one user is a member of
)

// rootUser is the name of nobody in particular: an image that says nothing.
const rootUser = "0"

// account is a line of an image's passwd.
type account struct {
	name, home string
	uid, gid   int
}

// resolveUser finds out who an image's USER is, as Docker does: a name or a
// number, with a group or without, by the image's own passwd and group. A number
// that has no name is taken as it is.
func (s *Store) resolveUser(img *Image, tree *merged) (*ebb.User, error) {
	name, group, grouped := strings.Cut(strings.TrimSpace(img.Config.User), ":")
	if name == "" {
		name = rootUser
	}
	passwd, err := s.accounts(tree, "etc/passwd")
	if err != nil {
		return nil, err
	}
	groups, err := s.accounts(tree, "etc/group")
	if err != nil {
		return nil, err
	}
	who, known := findAccount(passwd, name)
	if !known {
		var number bool
		if who.uid, number = parseID(name); !number {
			return nil, badImage(img.Resolved, "USER: its /etc/passwd has no user %q", name)
		}
	}
	u := &ebb.User{UID: who.uid, GID: who.gid, Home: who.home}
	if u.Home == "" {
		u.Home = "/"
	}
	if grouped && group != "" {
		var found bool
		if u.GID, found = findGroup(groups, group); !found {
			return nil, badImage(img.Resolved, "USER: its /etc/group has no group %q", group)
		}
	} else if known {
		u.Groups = memberships(groups, who.name)
	}
	for _, id := range append([]int{u.UID, u.GID}, u.Groups...) {
		if id > ebb.MaxUserID {
			return nil, badImage(img.Resolved, "USER: %q has the number %d, above %d", img.Config.User, id, ebb.MaxUserID)
		}
	}
	if len(u.Groups) > maxGroups {
		return nil, badImage(img.Resolved, "USER: %q is a member of %d groups, more than %d", img.Config.User, len(u.Groups), maxGroups)
	}
	return u, nil
}

// findAccount returns the first line for a user's name or number.
func findAccount(passwd [][]string, user string) (account, bool) {
	number, isNumber := parseID(user)
	for _, f := range passwd {
		if len(f) < 4 {
			continue
		}
		uid, ok1 := parseID(f[2])
		gid, ok2 := parseID(f[3])
		if !ok1 || !ok2 || f[0] != user && (!isNumber || uid != number) {
			continue
		}
		a := account{name: f[0], uid: uid, gid: gid}
		if len(f) > 5 {
			a.home = f[5]
		}
		return a, true
	}
	return account{}, false
}

// findGroup returns the number of a group that is named, or is a number.
func findGroup(groups [][]string, group string) (int, bool) {
	for _, f := range groups {
		if len(f) > 2 && f[0] == group {
			if gid, ok := parseID(f[2]); ok {
				return gid, true
			}
		}
	}
	return parseID(group)
}

// memberships are the groups that list a user.
func memberships(groups [][]string, user string) (gids []int) {
	for _, f := range groups {
		if len(f) < 4 || !slices.Contains(strings.Split(f[3], ","), user) {
			continue
		}
		if gid, ok := parseID(f[2]); ok && !slices.Contains(gids, gid) {
			gids = append(gids, gid)
		}
	}
	return gids
}

// parseID reads a number of a user or group, of which none is negative.
func parseID(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err == nil
}

// accounts reads a file of lines with colons out of an image's layers; none if
// the image has no such file.
func (s *Store) accounts(tree *merged, path string) (lines [][]string, err error) {
	m := tree.resolve(path)
	if m == nil {
		return nil, nil
	}
	f, err := s.root.Open(layerPath(m.layer) + "/" + filePath(m.file))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxAccounts))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, strings.Split(line, ":"))
		}
	}
	return lines, nil
}

// resolve returns what path leads to, through links as inside the box; nil unless
// that is a file.
func (m *merged) resolve(path string) *merged {
	for range maxHops {
		n := m.find(path)
		switch {
		case n == nil || n.isFolder():
			return nil
		case n.target == "":
			return n
		case strings.HasPrefix(n.target, "/"):
			path = n.target
		default:
			dir, _ := splitName(path)
			path = joinName(dir, n.target)
		}
	}
	return nil
}
