package pattern

import "strings"

// MaxStars is how many * a wildcard may have.
const MaxStars = 5

// compileWildcard: * stands for any characters, none included; \* and \\ for
// themselves.
func compileWildcard(operand any, path []string) (func(any) bool, error) {
	text, ok := operand.(string)
	if !ok {
		return nil, wrong(path, "must be a string")
	}
	parts := []string{""} // between the stars
	add := func(s string) { parts[len(parts)-1] += s }
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
			if i == len(text) || text[i] != '*' && text[i] != '\\' {
				return nil, wrong(path, `has a \ that is not before * or \`)
			}
			add(text[i : i+1])
		case text[i] == '*' && i > 0 && len(parts) > 1 && parts[len(parts)-1] == "":
			return nil, wrong(path, "has ** in it")
		case text[i] == '*':
			parts = append(parts, "")
		default:
			add(text[i : i+1])
		}
	}
	if len(parts)-1 > MaxStars {
		return nil, wrong(path, "is too complex: it has more than %d *", MaxStars)
	}
	return onString(func(s string) bool { return wild(s, parts) }), nil
}

// wild reports whether s is parts with something between them. Taking the first
// place where each part fits is enough, because the next may begin anywhere after.
func wild(s string, parts []string) bool {
	if len(parts) == 1 {
		return s == parts[0]
	}
	first, last := parts[0], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, rest, found := strings.Cut(s, part)
		if !found {
			return false
		}
		s = rest
	}
	return true
}
