package asl

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

var (
	pathVariable = regexp.MustCompile(`(?:^|[^$\w])\$([A-Za-z_]\w*)`)
	exprVariable = regexp.MustCompile(`\$([A-Za-z_]\w*)\s*(\(|:=)?`)
)

// VariableReferences lists the variables that each state of a definition refers
// to, by the state's name. States without are left out.
func VariableReferences(definition []byte) map[string][]string {
	v, err := jsonata.ParseJSON(definition)
	o, ok := v.(*Object)
	if err != nil || !ok {
		return nil
	}
	all := make(map[string][]string)
	references(o, languageIn(o, JSONPath), all)
	if len(all) == 0 {
		return nil
	}
	return all
}

func languageIn(o *Object, outer Language) Language {
	if l, ok := o.Get("QueryLanguage"); ok && l == string(JSONata) {
		return JSONata
	} else if ok {
		return JSONPath
	}
	return outer
}

// references walks the States of a program.
func references(program *Object, outer Language, all map[string][]string) {
	v, _ := program.Get("States")
	states, ok := v.(*Object)
	if !ok {
		return
	}
	for i := range states.Len() {
		name, v := states.At(i)
		st, ok := v.(*Object)
		if !ok {
			continue
		}
		language := languageIn(st, outer)
		found := make(map[string]bool)
		for j := range st.Len() {
			key, field := st.At(j)
			switch inner := field.(type) {
			case *Object:
				if key == "ItemProcessor" || key == "Iterator" {
					references(inner, language, all)
					continue
				}
			case []any:
				if key == "Branches" {
					for _, b := range inner {
						if branch, ok := b.(*Object); ok {
							references(branch, language, all)
						}
					}
					continue
				}
			}
			if key != "Comment" && key != "Result" {
				mentioned(key, field, language, found)
			}
		}
		if len(found) > 0 {
			all[name] = slices.Sorted(maps.Keys(found))
		}
	}
}

// mentioned adds the variables that a field refers to.
func mentioned(key string, v any, language Language, found map[string]bool) {
	switch x := v.(type) {
	case *Object:
		for i := range x.Len() {
			k, e := x.At(i)
			mentioned(k, e, language, found)
		}
	case []any:
		for _, e := range x {
			mentioned(key, e, language, found)
		}
	case string:
		if language == JSONata {
			inExpression(x, found)
		} else if strings.HasSuffix(key, ".$") || strings.HasSuffix(key, "Path") && key != "ResultPath" || key == "Variable" {
			for _, m := range pathVariable.FindAllStringSubmatch(x, -1) {
				found[m[1]] = true
			}
		}
	}
}

func inExpression(s string, found map[string]bool) {
	s, ok := strings.CutPrefix(strings.TrimSpace(s), "{%")
	if !ok {
		return
	}
	own := map[string]bool{"states": true}
	all := exprVariable.FindAllStringSubmatch(strings.TrimSuffix(s, "%}"), -1)
	for _, m := range all {
		if m[2] != "" { // a function, or the expression's own
			own[m[1]] = true
		}
	}
	for _, m := range all {
		if !own[m[1]] {
			found[m[1]] = true
		}
	}
}
